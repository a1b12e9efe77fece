using System.Net;
using System.Security.Cryptography.X509Certificates;
using MeshOperator.Testing;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Certificates.Tests;

/// <summary>Authorities that a user brings, made by OpenSSL: what is taken works for OpenSSL's own verification too, and what is refused
/// is refused with the reason.</summary>
public sealed class UsersAuthorityTests : IDisposable
{
    private const string Web = "spiffe://cluster.local/ns/shop/sa/web";
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);
    private static readonly string[] Rsa = ["-newkey", "rsa:2048"];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mesh-ca-");

    public UsersAuthorityTests() => OpenSsl.Require();

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("ECDSA root", LeafKeyType.EcdsaP256)]
    [InlineData("ECDSA root", LeafKeyType.Rsa2048)]
    [InlineData("RSA root", LeafKeyType.EcdsaP256)]
    [InlineData("RSA root", LeafKeyType.Rsa2048)]
    [InlineData("P-384 root", LeafKeyType.EcdsaP256)]
    [InlineData("intermediate", LeafKeyType.EcdsaP256)]
    [InlineData("two intermediates of other algorithms", LeafKeyType.EcdsaP256)]
    [InlineData("path lengths that just suffice", LeafKeyType.EcdsaP256)]
    [InlineData("names permitted", LeafKeyType.EcdsaP256)]
    [InlineData("both ends of TLS", LeafKeyType.EcdsaP256)]
    public async Task OpenSSL_verifies_what_a_users_authority_signs(string kind, LeafKeyType keyType)
    {
        var files = await MakeAsync(kind);
        using var authority = CertificateAuthority.Load(files, TimeProvider.System, "cluster.local");
        var leaf = authority.IssueIdentity(Web, Day, keyType);

        foreach (var purpose in new[] { "sslserver", "sslclient" })
            (await VerifyAsync(leaf, files.Roots, purpose)).ShouldContain("leaf.crt: OK");
        var text = (await OpenSsl.RunAsync("x509", "-noout", "-text", "-in", Path.Combine(_folder.FullName, "leaf.crt"))).Output;
        text.ShouldContain("URI:" + Web);
        text.ShouldNotContain("DNS:");
        text.ShouldContain("CA:FALSE");
        text.ShouldContain(keyType is LeafKeyType.Rsa2048 ? "Public-Key: (2048 bit)" : "NIST CURVE: P-256");
        text.ShouldContain("TLS Web Server Authentication, TLS Web Client Authentication");
        if (keyType is LeafKeyType.Rsa2048)
            text.ShouldContain("Digital Signature, Key Encipherment");
        else
            text.ShouldNotContain("Key Encipherment");
        await TlsPeers.ConnectAsync(
            new TlsPeer(leaf.CertificateChain, leaf.PrivateKey, files.Roots, Web),
            new TlsPeer(leaf.CertificateChain, leaf.PrivateKey, files.Roots, Web)
        );
    }

    [Theory]
    [InlineData("PKCS #1", "rsa")]
    [InlineData("SEC 1", "ec")]
    public async Task The_older_formats_of_keys_are_read(string format, string algorithm)
    {
        var root = await OpenSslAuthority.MakeAsync(_folder, "root", key: algorithm == "rsa" ? Rsa : null);
        var old = Path.Combine(_folder.FullName, "old.key");
        await OpenSsl.RunAsync([algorithm, "-in", root.KeyPath, "-out", old, .. algorithm == "rsa" ? new[] { "-traditional" } : []]);
        var key = await File.ReadAllTextAsync(old, TestContext.Current.CancellationToken);
        key.ShouldContain(algorithm == "rsa" ? "BEGIN RSA PRIVATE KEY" : "BEGIN EC PRIVATE KEY", customMessage: format);
        using var authority = CertificateAuthority.Load(root.AsRoot() with { PrivateKey = key }, TimeProvider.System, "cluster.local");
        (await VerifyAsync(authority.IssueIdentity(Web, Day), root.Certificate, "sslclient")).ShouldContain("leaf.crt: OK");
    }

    [Theory]
    [InlineData("no certificate", "tls.crt holds no certificate")]
    [InlineData("no key", "tls.key holds no private key")]
    [InlineData("a public key", "tls.key holds no private key")]
    [InlineData("an encrypted key", "tls.key is encrypted with a password")]
    [InlineData("another key", "tls.key is not the key of 'CN=root'")]
    [InlineData("a key of another algorithm", "tls.key is not the key of 'CN=root'")]
    [InlineData("no root", "ca.crt holds no certificate")]
    [InlineData("another root", "ca.crt does not hold 'CN=root', the root of tls.crt")]
    [InlineData("a root of the same name", "ca.crt does not hold 'CN=root'")]
    [InlineData("no intermediate", "the certificate of 'CN=upper', which signed 'CN=lower', is missing")]
    [InlineData("an intermediate in ca.crt", "the certificate of 'CN=root', which signed 'CN=upper', is missing")]
    [InlineData("a leaf", "tls.crt: 'CN=leaf' is not the certificate of an authority")]
    [InlineData("an upper one that is no authority", "tls.crt: 'CN=upper' is not the certificate of an authority")]
    [InlineData("basic constraints that are none", "has an extension that cannot be read")]
    [InlineData("no keyCertSign", "tls.crt: 'CN=root' may not sign certificates")]
    [InlineData("servers only", "tls.crt: 'CN=upper' may sign certificates for one end of TLS at most")]
    [InlineData("mail only", "tls.crt: 'CN=upper' may sign certificates for one end of TLS at most")]
    [InlineData("a root that allows none below", "ca.crt: 'CN=root' allows 0 authorities below it, and there are 1")]
    [InlineData("an upper one that allows none below", "tls.crt: 'CN=upper' allows 0 authorities below it, and there are 1")]
    [InlineData("1024 bits", "the RSA key of 'CN=root' has 1024 bits")]
    [InlineData("another curve", "neither RSA nor ECDSA on P-256, P-384 or P-521")]
    [InlineData("Ed25519", "neither RSA nor ECDSA")]
    [InlineData("another trust domain permitted", "do not permit identities of the trust domain, spiffe://cluster.local/")]
    [InlineData("the trust domain excluded", "do not permit identities of the trust domain, spiffe://cluster.local/")]
    [InlineData("a trust domain permitted by an upper one only for others", "the name constraints of 'CN=upper' do not permit")]
    [InlineData("names below the trust domain permitted", "do not permit identities of the trust domain")]
    public async Task An_authority_that_cannot_work_is_refused_with_the_reason(string what, string reason)
    {
        var files = await MakeAsync(what);
        var error = Should.Throw<CertificateAuthorityException>(() =>
            CertificateAuthority.Load(files, TimeProvider.System, "cluster.local")
        );
        error.Message.ShouldContain(reason);
        error.Message.ShouldNotContain("BEGIN");
    }

    [Theory]
    [InlineData("another trust domain permitted")]
    [InlineData("the trust domain excluded")]
    [InlineData("a trust domain permitted by an upper one only for others")]
    [InlineData("names below the trust domain permitted")]
    public async Task OpenSSL_too_refuses_leaves_of_constrained_authorities(string what)
    {
        var files = await MakeAsync(what);
        using var unsuitable = CertificateAuthority.Load(files, TimeProvider.System);
        (await VerifyAsync(unsuitable.IssueIdentity(Web, Day), files.Roots, "sslclient")).ShouldContain("subtree violation");
    }

    [Fact]
    public async Task An_expired_authority_and_one_that_is_not_valid_yet_have_different_messages()
    {
        var root = await OpenSslAuthority.MakeAsync(_folder, "root");
        Should
            .Throw<CertificateAuthorityException>(() => CertificateAuthority.Load(root.AsRoot(), Clock(days: 366)))
            .Message.ShouldContain("tls.crt: 'CN=root' expired at");
        var early = Should.Throw<CertificateAuthorityException>(() => CertificateAuthority.Load(root.AsRoot(), Clock(days: -1))).Message;
        early.ShouldContain("is valid only from");
        early.ShouldContain("check this machine's clock");
    }

    [Theory]
    [InlineData("permitted;DNS:shop.svc", "mesh-operator.mesh-system.svc", "'mesh-operator.mesh-system.svc'")]
    [InlineData("excluded;DNS:svc", "mesh-operator.mesh-system.svc", "'mesh-operator.mesh-system.svc'")]
    [InlineData("permitted;DNS:mesh-system.svc", "mesh-operator.mesh-system.svc", null)]
    [InlineData("permitted;DNS:.mesh-system.svc", "mesh-operator.mesh-system.svc", null)]
    [InlineData("permitted;URI:cluster.local", "mesh-operator.mesh-system.svc", null)]
    [InlineData("permitted;IP:10.0.0.0/255.0.0.0", "mesh-operator.mesh-system.svc", "'127.0.0.1'")]
    [InlineData("permitted;IP:127.0.0.0/255.0.0.0", "mesh-operator.mesh-system.svc", null)]
    public async Task The_operators_own_names_must_be_permitted(string constraint, string name, string? refused)
    {
        var root = await OpenSslAuthority.MakeAsync(
            _folder,
            "root",
            extensions: [OpenSslAuthority.Authority, OpenSslAuthority.Signs, $"nameConstraints=critical,{constraint}"]
        );
        using var authority = CertificateAuthority.Load(root.AsRoot(), TimeProvider.System);
        IssuedCertificate Issue() => authority.IssueServer([name], [IPAddress.Loopback], Day);
        if (refused is null)
            (await VerifyAsync(Issue(), root.Certificate, "sslserver")).ShouldContain("leaf.crt: OK");
        else
            Should.Throw<CertificateAuthorityException>(Issue).Message.ShouldContain(refused);
    }

    [Theory]
    [InlineData("as it should be")]
    [InlineData("with the root")]
    [InlineData("in another order")]
    [InlineData("with its key")]
    [InlineData("without a line break at the end")]
    [InlineData("with an authority of something else")]
    public async Task Of_a_users_chain_only_the_intermediates_are_sent_each_after_the_one_that_it_signed(string tlsCrt)
    {
        var top = await OpenSslAuthority.MakeAsync(_folder, "root", extensions: PathLength(3));
        var upper = await OpenSslAuthority.MakeAsync(_folder, "upper", top);
        var lower = await OpenSslAuthority.MakeAsync(_folder, "lower", upper);
        var good = lower.Under(top, upper);
        var given = tlsCrt switch
        {
            "with the root" => good.Certificate + top.Certificate,
            "in another order" => lower.Certificate + top.Certificate + upper.Certificate,
            "with its key" => lower.Certificate + lower.Key + upper.Certificate,
            "without a line break at the end" => good.Certificate.TrimEnd(),
            "with an authority of something else" => good.Certificate + (await OpenSslAuthority.MakeAsync(_folder, "stranger")).Certificate,
            _ => good.Certificate,
        };
        using var authority = CertificateAuthority.Load(good with { Certificate = given }, TimeProvider.System, "cluster.local");
        var leaf = authority.IssueIdentity(Web, Day);

        PemBundle.Read(leaf.CertificateChain).Select(c => c.Subject).ShouldBe(["", "CN=lower", "CN=upper"]);
        leaf.CertificateChain.ShouldNotContain("PRIVATE KEY");
        leaf.CertificateChain.ShouldEndWith("-----END CERTIFICATE-----\n");
        authority.Depth.ShouldBe(2);
        using var next = CertificateAuthority.CreateSelfSigned("cluster.local", TimeProvider.System);
        using var nextRoot = next.FindRoot();
        var crossed = authority.CrossSign(nextRoot, next.Depth).ShouldNotBeNull();
        PemBundle.Read(crossed).Select(c => c.Subject).ShouldBe([nextRoot.Subject, "CN=lower", "CN=upper"]);
        crossed.ShouldEndWith("-----END CERTIFICATE-----\n");
    }

    private static FakeTimeProvider Clock(int days) => new(TimeProvider.System.GetUtcNow().AddDays(days));

    private static string[] Extensions(params string[] more) => [OpenSslAuthority.Authority, OpenSslAuthority.Signs, .. more];

    private static string[] PathLength(int length) => [$"{OpenSslAuthority.Authority},pathlen:{length}", OpenSslAuthority.Signs];

    private static string[] Names(string constraint) => Extensions($"nameConstraints=critical,{constraint}");

    private async Task<string> VerifyAsync(IssuedCertificate leaf, string roots, string purpose)
    {
        var (chain, root) = (Path.Combine(_folder.FullName, "leaf.crt"), Path.Combine(_folder.FullName, "roots.pem"));
        await File.WriteAllTextAsync(chain, leaf.CertificateChain, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(root, roots, TestContext.Current.CancellationToken);
        return (await OpenSsl.RunAsync("verify", "-x509_strict", "-purpose", purpose, "-CAfile", root, "-untrusted", chain, chain)).Output;
    }

    private async Task<CertificateAuthorityFiles> MakeAsync(string what)
    {
        Task<OpenSslAuthority> Make(string name, OpenSslAuthority? issuer = null, string[]? key = null, string[]? extensions = null) =>
            OpenSslAuthority.MakeAsync(_folder, name, issuer, key, extensions);
        async Task<CertificateAuthorityFiles> Two(string[]? upper = null, string[]? root = null, string[]? lower = null)
        {
            var top = await Make("root", extensions: root);
            var middle = await Make("upper", top, extensions: upper);
            return (await Make("lower", middle, extensions: lower)).Under(top, middle);
        }

        async Task<CertificateAuthorityFiles> Other(string name, string[]? key = null)
        {
            var other = Directory.CreateDirectory(Path.Combine(_folder.FullName, "other"));
            return (await OpenSslAuthority.MakeAsync(other, name, key: key)).AsRoot();
        }

        async Task<CertificateAuthorityFiles> Root(string[]? key = null, string[]? extensions = null) =>
            (await Make("root", null, key, extensions)).AsRoot();

        async Task<CertificateAuthorityFiles> KeyAs(params string[] options)
        {
            var files = await Root();
            var path = Path.Combine(_folder.FullName, "changed.key");
            var (status, output) = await OpenSsl.RunAsync([.. options, "-in", Path.Combine(_folder.FullName, "root.key"), "-out", path]);
            status.ShouldBe(0, output);
            return files with { PrivateKey = await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken) };
        }

        string[] curve(string name) => ["-newkey", "ec", "-pkeyopt", $"ec_paramgen_curve:{name}"];
        switch (what)
        {
            case "ECDSA root":
                return await Root();
            case "RSA root":
                return await Root(Rsa);
            case "P-384 root":
                return await Root(curve("P-384"));
            case "intermediate":
                var above = await Make("root");
                return (await Make("lower", above)).Under(above);
            case "two intermediates of other algorithms":
                var top = await Make("root", key: Rsa);
                var middle = await Make("upper", top, curve("P-521"));
                return (await Make("lower", middle, Rsa)).Under(top, middle);
            case "path lengths that just suffice":
                return await Two(PathLength(1), PathLength(2), PathLength(0));
            case "names permitted":
                return await Two(Names("permitted;URI:cluster.local"), Names("permitted;URI:cluster.local,permitted;URI:example.org"));
            case "both ends of TLS":
                return await Two(Extensions("extendedKeyUsage=serverAuth,clientAuth"));
            case "servers only":
                return await Two(Extensions("extendedKeyUsage=serverAuth"));
            case "mail only":
                return await Two(Extensions("extendedKeyUsage=emailProtection"));
            case "no certificate":
                return await Root() with { Certificate = "" };
            case "no key":
                return await Root() with { PrivateKey = "" };
            case "a public key":
                return await KeyAs("pkey", "-pubout");
            case "an encrypted key":
                return await KeyAs("pkcs8", "-topk8", "-passout", "pass:secret");
            case "another key":
                return await Root() with { PrivateKey = (await Other("other")).PrivateKey };
            case "a key of another algorithm":
                return await Root() with { PrivateKey = (await Other("other", Rsa)).PrivateKey };
            case "no root":
                return await Root() with { Roots = "" };
            case "another root":
                return await Root() with { Roots = (await Other("other")).Roots };
            case "a root of the same name":
                return await Root() with { Roots = (await Other("root")).Roots };
            case "no intermediate":
                var whole = await Two();
                return whole with
                {
                    Certificate = await File.ReadAllTextAsync(
                        Path.Combine(_folder.FullName, "lower.crt"),
                        TestContext.Current.CancellationToken
                    ),
                };
            case "an intermediate in ca.crt":
                var complete = await Two();
                return complete with
                {
                    Roots = await File.ReadAllTextAsync(Path.Combine(_folder.FullName, "upper.crt"), TestContext.Current.CancellationToken),
                };
            case "a leaf":
                var issuer = await Make("root");
                return (await Make("leaf", issuer, extensions: ["basicConstraints=critical,CA:FALSE"])).Under(issuer);
            case "an upper one that is no authority":
                return await Two(["basicConstraints=critical,CA:FALSE"]);
            case "basic constraints that are none":
                return await Root(extensions: ["basicConstraints=critical,DER:05:00", OpenSslAuthority.Signs]);
            case "no keyCertSign":
                return await Root(extensions: [OpenSslAuthority.Authority, "keyUsage=critical,digitalSignature"]);
            case "a root that allows none below":
                var narrow = await Make("root", extensions: PathLength(0));
                return (await Make("lower", narrow)).Under(narrow);
            case "an upper one that allows none below":
                return await Two(PathLength(0));
            case "1024 bits":
                return await Root(["-newkey", "rsa:1024"]);
            case "another curve":
                return await Root(curve("secp256k1"));
            case "Ed25519":
                return await Root(["-newkey", "ed25519"]);
            case "another trust domain permitted":
                return await Root(extensions: Names("permitted;URI:example.org"));
            case "the trust domain excluded":
                return await Root(extensions: Names("excluded;URI:cluster.local"));
            case "a trust domain permitted by an upper one only for others":
                return await Two(Names("permitted;URI:example.org"));
            case "names below the trust domain permitted":
                return await Root(extensions: Names("permitted;URI:.cluster.local"));
            default:
                throw new ArgumentOutOfRangeException(nameof(what), what, "no such authority");
        }
    }
}
