using System.Security.Cryptography.X509Certificates;
using MeshOperator.Testing;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Certificates.Tests;

public sealed class CertificateAuthorityTests
{
    private const string Web = "spiffe://cluster.local/ns/shop/sa/web";
    private const string Gateway = "spiffe://cluster.local/ns/shop/sa/gateway";
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);
    private static readonly CertificateAuthority Authority = CertificateAuthority.CreateSelfSigned("cluster.local", TimeProvider.System);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task OpenSSL_verifies_a_leaf_against_the_root_and_reads_its_one_name()
    {
        OpenSsl.Require();
        var folder = Directory.CreateTempSubdirectory("mesh-ca-");
        try
        {
            var leaf = Authority.IssueIdentity(Web, Day);
            var (root, certificate) = (Path.Combine(folder.FullName, "ca.crt"), Path.Combine(folder.FullName, "leaf.crt"));
            await File.WriteAllTextAsync(root, Authority.TrustBundle, Cancellation);
            await File.WriteAllTextAsync(certificate, leaf.CertificateChain, Cancellation);

            (await OpenSsl.RunAsync("verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", root, certificate)).Output.ShouldContain(
                "leaf.crt: OK"
            );
            (await OpenSsl.RunAsync("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", root, certificate)).Output.ShouldContain(
                "leaf.crt: OK"
            );
            var text = (await OpenSsl.RunAsync("x509", "-noout", "-text", "-in", certificate)).Output;
            text.ShouldContain("URI:" + Web);
            text.ShouldNotContain("DNS:");
            text.ShouldContain("X509v3 Subject Alternative Name: critical");
            text.ShouldContain("NIST CURVE: P-256");
            text.ShouldContain("CA:FALSE");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Two_peers_shake_hands_with_their_leaves_and_see_each_others_identity()
    {
        var (web, gateway) = (Authority.IssueIdentity(Web, Day), Authority.IssueIdentity(Gateway, Day));
        await TlsPeers.ConnectAsync(Peer(web, Gateway), Peer(gateway, Web));
        await TlsPeers.ConnectAsync(Peer(gateway, Web), Peer(web, Gateway));
        await Should.ThrowAsync<Exception>(() => TlsPeers.ConnectAsync(Peer(web, Web), Peer(gateway, Web)));
    }

    [Fact]
    public async Task A_peer_of_another_mesh_is_refused()
    {
        using var other = Other();
        await Should.ThrowAsync<Exception>(() =>
            TlsPeers.ConnectAsync(Peer(Authority.IssueIdentity(Web, Day), Gateway), Peer(other.IssueIdentity(Gateway, Day), Web))
        );
    }

    [Fact]
    public void An_authority_that_is_kept_and_read_again_signs_for_the_same_root()
    {
        using var again = CertificateAuthority.Load(Authority.Files, TimeProvider.System);
        using var leaf = Load(again.IssueIdentity(Web, Day));
        again.TrustBundle.ShouldBe(Authority.TrustBundle);
        Verify(leaf, Authority.TrustBundle).ShouldBeTrue();
    }

    [Fact]
    public void A_leaf_is_valid_from_a_little_before_now_and_never_longer_than_its_authority()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var authority = CertificateAuthority.CreateSelfSigned("cluster.local", time);
        var leaf = authority.IssueIdentity(Web, Day);
        leaf.NotBefore.ShouldBe(time.GetUtcNow() - TimeSpan.FromMinutes(5));
        leaf.NotAfter.ShouldBe(time.GetUtcNow() + Day);
        time.SetUtcNow(authority.NotAfter - TimeSpan.FromHours(1));
        authority.IssueIdentity(Web, Day).NotAfter.ShouldBe(authority.NotAfter);
    }

    public static TheoryData<string, Func<CertificateAuthorityFiles, CertificateAuthorityFiles>, string> UnusableFiles =>
        new()
        {
            { "another key", f => f with { PrivateKey = Other().Files.PrivateKey }, "tls.key is not the key of" },
            { "no key", f => f with { PrivateKey = "" }, "tls.key holds no private key" },
            { "another root", f => f with { Roots = Other().TrustBundle }, "ca.crt does not hold" },
            { "no root", f => f with { Roots = "" }, "ca.crt holds no certificate" },
            { "a leaf", _ => Leaf(), "not the certificate of an authority" },
        };

    [Theory]
    [MemberData(nameof(UnusableFiles))]
    public void Files_that_cannot_be_used_are_refused_with_the_reason(
        string what,
        Func<CertificateAuthorityFiles, CertificateAuthorityFiles> change,
        string reason
    )
    {
        var error = Should.Throw<CertificateAuthorityException>(
            () => CertificateAuthority.Load(change(Authority.Files), TimeProvider.System),
            what
        );
        error.Message.ShouldContain(reason);
        error.Message.ShouldNotContain("BEGIN");
    }

    [Fact]
    public void An_expired_authority_is_refused()
    {
        var later = new FakeTimeProvider(Authority.NotAfter + TimeSpan.FromSeconds(1));
        Should
            .Throw<CertificateAuthorityException>(() => CertificateAuthority.Load(Authority.Files, later))
            .Message.ShouldContain("expired");
    }

    [Fact]
    public void Neither_files_nor_certificates_show_their_key_as_text()
    {
        Authority.Files.ToString().ShouldNotContain("KEY");
        Authority.IssueIdentity(Web, Day).ToString().ShouldNotContain("KEY");
    }

    private static TlsPeer Peer(IssuedCertificate leaf, string expected) =>
        new(leaf.CertificateChain, leaf.PrivateKey, Authority.TrustBundle, expected);

    private static CertificateAuthority Other() => CertificateAuthority.CreateSelfSigned("cluster.local", TimeProvider.System);

    private static CertificateAuthorityFiles Leaf()
    {
        var leaf = Authority.IssueIdentity(Web, Day);
        return new CertificateAuthorityFiles(leaf.CertificateChain, leaf.PrivateKey, Authority.TrustBundle);
    }

    private static X509Certificate2 Load(IssuedCertificate issued)
    {
        using var pem = X509Certificate2.CreateFromPem(issued.CertificateChain, issued.PrivateKey);
        return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
    }

    private static bool Verify(X509Certificate2 certificate, string roots)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.ImportFromPem(roots);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }
}
