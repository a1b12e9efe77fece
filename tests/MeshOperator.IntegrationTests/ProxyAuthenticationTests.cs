using System.Security.Cryptography.X509Certificates;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

public sealed class ProxyAuthenticationTests(TestCluster cluster)
{
    [Fact]
    public async Task A_proxy_with_its_pods_token_gets_its_own_identity_and_no_other()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web");
        await using var proxy = ProxyTokens.Connect(mesh, $"web-0.{ns.Name}", await ProxyTokens.IssueAsync(cluster, ns, "web-0"));

        var secret = await proxy.FetchAsync(ResourceType.Secret, "identity", $"spiffe://cluster.local/ns/{ns.Name}/sa/other");
        var identity = Envoy.Extensions.TransportSockets.Tls.V3.Secret.Parser.ParseFrom(
            secret.Resources.ShouldHaveSingleItem().Resource_.Value
        );
        using var certificate = X509Certificate2.CreateFromPem(identity.TlsCertificate.CertificateChain.InlineBytes.ToStringUtf8());
        System
            .Text.Encoding.ASCII.GetString(certificate.Extensions.First(e => e.Oid!.Value == "2.5.29.17").RawData)
            .ShouldContain($"spiffe://cluster.local/ns/{ns.Name}/sa/default");
    }
}
