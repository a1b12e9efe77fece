using System.Text.RegularExpressions;
using MeshOperator.Certificates;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

/// <summary>Two peers talk to each other with the secrets that their proxies were pushed.</summary>
public sealed partial class PeerTests(TestCluster cluster)
{
    [Fact]
    public async Task Peers_shake_hands_with_what_they_were_pushed_and_refuse_another_identity()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var shop = await TestNamespace.CreateAsync(cluster, injected: true);
        await using var bank = await TestNamespace.CreateAsync(cluster, injected: true);
        await shop.ServiceAsync("web");
        await bank.ServiceAsync("ledger");
        var web = await ProxySecrets.FetchAsync(cluster, mesh, shop, "web-0");
        var ledger = await ProxySecrets.FetchAsync(cluster, mesh, bank, "ledger-0");
        var (webId, ledgerId) = (Id(shop), Id(bank));

        await TlsPeers.ConnectAsync(web.Expecting(ledgerId), ledger.Expecting(webId));
        await TlsPeers.ConnectAsync(ledger.Expecting(webId), web.Expecting(ledgerId));
        // The client is another one than the server expects, and the other way round.
        await Should.ThrowAsync<Exception>(() => TlsPeers.ConnectAsync(web.Expecting(webId), ledger.Expecting(webId)));
        await Should.ThrowAsync<Exception>(() => TlsPeers.ConnectAsync(web.Expecting(ledgerId), ledger.Expecting(ledgerId)));
        using var impostor = CertificateAuthority.CreateSelfSigned("cluster.local", TimeProvider.System);
        var forged = impostor.IssueIdentity(ledgerId, TimeSpan.FromHours(1));
        await Should.ThrowAsync<Exception>(() =>
            TlsPeers.ConnectAsync(web.Expecting(ledgerId), new TlsPeer(forged.CertificateChain, forged.PrivateKey, web.Roots, webId))
        );
    }

    [Theory]
    [InlineData("-tls1_2")]
    [InlineData("-tls1_3")]
    public async Task OpenSSL_shakes_hands_in_both_roles_with_what_proxies_were_pushed(string version)
    {
        OpenSsl.Require();
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web", pods: 2);
        using var impostor = CertificateAuthority.CreateSelfSigned("cluster.local", TimeProvider.System);
        var (server, client) = (
            await ProxySecrets.FetchAsync(cluster, mesh, ns, "web-0"),
            await ProxySecrets.FetchAsync(cluster, mesh, ns, "web-1")
        );
        var forged = impostor.IssueIdentity(Id(ns), TimeSpan.FromHours(1));

        (await ShakeAsync(server, client, version)).ShouldBe((true, true));
        (
            await ShakeAsync(server, client with { Chain = forged.CertificateChain, Key = forged.PrivateKey }, version)
        ).Server.ShouldBeFalse();
        (
            await ShakeAsync(server with { Chain = forged.CertificateChain, Key = forged.PrivateKey }, client, version)
        ).Client.ShouldBeFalse();
    }

    private static string Id(TestNamespace ns) => $"spiffe://cluster.local/ns/{ns.Name}/sa/default";

    /// <summary>Whether each end took the other's certificate.</summary>
    private static async Task<(bool Server, bool Client)> ShakeAsync(ProxySecrets server, ProxySecrets client, string version)
    {
        var folder = Directory.CreateTempSubdirectory("mesh-peers-");
        try
        {
            using var serving = OpenSsl.Start([
                "s_server",
                "-accept",
                "127.0.0.1:0",
                "-naccept",
                "1",
                "-Verify",
                "2",
                version,
                .. Files(folder, "server", server),
            ]);
            var port = string.Empty;
            while (port.Length == 0 && await serving.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
                port = Accepting().Match(line).Groups[1].Value;
            var (status, called) = await OpenSsl.RunAsync([
                "s_client",
                "-connect",
                $"127.0.0.1:{port}",
                version,
                .. Files(folder, "client", client),
            ]);
            var error = serving.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            var served = await serving.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken) + await error;
            await serving.WaitForExitAsync(TestContext.Current.CancellationToken);
            return (
                served.Contains("CIPHER is", StringComparison.Ordinal) && !served.Contains("verify error", StringComparison.Ordinal),
                status == 0 && called.Contains("Verification: OK", StringComparison.Ordinal)
            );
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string[] Files(DirectoryInfo folder, string name, ProxySecrets secrets)
    {
        var (chain, key, roots) = (
            Path.Combine(folder.FullName, $"{name}.crt"),
            Path.Combine(folder.FullName, $"{name}.key"),
            Path.Combine(folder.FullName, $"{name}-roots.pem")
        );
        File.WriteAllText(chain, secrets.Chain);
        File.WriteAllText(key, secrets.Key);
        File.WriteAllText(roots, secrets.Roots);
        return ["-cert", chain, "-cert_chain", chain, "-key", key, "-CAfile", roots, "-verify_return_error"];
    }

    [GeneratedRegex(@"^ACCEPT .*:(\d+)$")]
    private static partial Regex Accepting();
}
