using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace MeshOperator.Certificates;

/// <summary>Signs certificates of the mesh with one key. The root, or an intermediate under the user's root, is ECDSA P-256 when made
/// here; a user's own may be ECDSA or RSA.</summary>
public sealed class CertificateAuthority : IDisposable
{
    private static readonly TimeSpan RootLifetime = TimeSpan.FromDays(3650);

    /// <summary>Certificates begin a little in the past, for clocks that run behind.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    private readonly X509Certificate2 _signer;
    private readonly TimeProvider _time;

    /// <summary>From the signing certificate up to the root.</summary>
    private readonly IReadOnlyList<X509Certificate2> _path;

    private CertificateAuthority(
        X509Certificate2 signer,
        IReadOnlyList<X509Certificate2> path,
        CertificateAuthorityFiles files,
        TimeProvider time
    ) => (_signer, _path, Files, _time) = (signer, path, files, time);

    /// <summary>What is kept in the CA's Secret.</summary>
    public CertificateAuthorityFiles Files { get; }

    /// <summary>The roots that peers trust, PEM.</summary>
    public string TrustBundle => Files.Roots;

    /// <summary>When the signing certificate ends.</summary>
    public DateTimeOffset NotAfter => _signer.NotAfter.ToUniversalTime();

    /// <summary>SHA-256 of the signing certificate, in lowercase hexadecimal digits: distinguishes signers.</summary>
    public string Fingerprint => Convert.ToHexStringLower(_signer.GetCertHash(HashAlgorithmName.SHA256));

    /// <summary>Whether the signing certificate is the root itself.</summary>
    public bool IsRoot => Depth == 0;

    /// <summary>How many authorities there are below the root, down to this one: 0 when it is the root.</summary>
    public int Depth => _path.Count - 1;

    private IReadOnlyList<NameConstraints> Constraints { get; init; } = [];

    /// <summary>What peers need besides the roots, which they know: the certificates from the signing one up to below the root,
    /// PEM.</summary>
    private string Intermediates => string.Concat(_path.SkipLast(1).Select(c => c.ExportCertificatePem() + "\n"));

    /// <summary>Makes a root for a trust domain, valid for ten years.</summary>
    public static CertificateAuthority CreateSelfSigned(string trustDomain, TimeProvider time)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        // Each root has a name of its own: verifiers look issuers up by name, and two of one name are easily confused.
        var request = new CertificateRequest(
            $"O={trustDomain}, CN=MeshOperator root {Convert.ToHexStringLower(Serial().AsSpan(0, 4))}",
            key,
            HashAlgorithmName.SHA256
        );
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddUri(new Uri($"spiffe://{trustDomain}"));
        request.CertificateExtensions.Add(names.Build());
        var now = time.GetUtcNow();
        var root = request.CreateSelfSigned(now - ClockSkew, now + RootLifetime);
        var pem = root.ExportCertificatePem() + "\n";
        return new CertificateAuthority(root, [root], new CertificateAuthorityFiles(pem, key.ExportPkcs8PrivateKeyPem() + "\n", pem), time);
    }

    /// <summary>Reads an authority from its files and checks that peers will accept what it signs.</summary>
    /// <param name="files">The keys of its Secret.</param>
    /// <param name="time">The clock.</param>
    /// <param name="trustDomain">Of the identities that it is to sign; null when that is not to be checked.</param>
    /// <exception cref="CertificateAuthorityException">They cannot be used; the message says why.</exception>
    public static CertificateAuthority Load(CertificateAuthorityFiles files, TimeProvider time, string? trustDomain = null)
    {
        var chain = AuthorityChain.Read(files, time.GetUtcNow(), trustDomain);
        return new CertificateAuthority(chain.Signer, chain.Path, files, time) { Constraints = chain.Constraints };
    }

    /// <summary>Issues a workload's certificate (an X.509 SVID): a URI SAN and no other name, for both ends of TLS.</summary>
    /// <param name="spiffeId">The identity, for example <c>spiffe://cluster.local/ns/shop/sa/web</c>.</param>
    /// <param name="lifetime">How long it is valid; never longer than the authority itself.</param>
    /// <param name="keyType">The algorithm of its key.</param>
    /// <exception cref="CertificateAuthorityException">The authority's own certificate has expired.</exception>
    public IssuedCertificate IssueIdentity(string spiffeId, TimeSpan lifetime, LeafKeyType keyType = LeafKeyType.EcdsaP256)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddUri(new Uri(spiffeId));
        // Without a subject the SAN must be critical (RFC 5280, 4.2.1.6).
        return Issue(string.Empty, names.Build(critical: true), lifetime, keyType, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    }

    /// <summary>Issues a server's certificate for host names and addresses.</summary>
    /// <exception cref="CertificateAuthorityException">The authority may not sign one of the names, or has expired.</exception>
    public IssuedCertificate IssueServer(IReadOnlyList<string> dnsNames, IReadOnlyList<IPAddress> addresses, TimeSpan lifetime)
    {
        CheckNames(dnsNames, addresses);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var name in dnsNames)
            names.AddDnsName(name);
        foreach (var address in addresses)
            names.AddIpAddress(address);
        return Issue($"CN={dnsNames[0]}", names.Build(), lifetime, LeafKeyType.EcdsaP256, ["1.3.6.1.5.5.7.3.1"]);
    }

    /// <summary>Whether the name constraints of the authority and of those above it permit a host name.</summary>
    public bool Permits(string dnsName) => Constraints.All(c => c.PermitDns(dnsName));

    /// <summary>Whether the name constraints of the authority and of those above it permit an address.</summary>
    public bool Permits(IPAddress address) => Constraints.All(c => c.PermitAddress(address));

    /// <summary>The root that this authority's chain ends in; to be disposed of.</summary>
    public X509Certificate2 FindRoot()
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(PemBundle.Read(Files.Roots));
        chain.ChainPolicy.ExtraStore.AddRange(PemBundle.Read(Files.Certificate));
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationTime = _time.GetUtcNow().UtcDateTime;
        chain.Build(_signer);
        return X509CertificateLoader.LoadCertificate(chain.ChainElements[^1].Certificate.RawData);
    }

    /// <summary>Signs another authority's root, so that whoever trusts only this one also trusts what that one signs.</summary>
    /// <param name="root">The other root.</param>
    /// <param name="depth">How many authorities there are below that root, down to the one that signs leaves.</param>
    /// <returns>The cross-signed certificate and after it those between this authority and its root, PEM; null when a path length forbids
    /// this authority to have others below it.</returns>
    public string? CrossSign(X509Certificate2 root, int depth)
    {
        ArgumentNullException.ThrowIfNull(root);
        if (!MayHaveBelow(depth + 1))
            return null;
        var request = new CertificateRequest(root.SubjectName, root.PublicKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        // The root's own key identifier, which its leaves name as their authority's.
        request.CertificateExtensions.Add(
            root.Extensions.OfType<X509SubjectKeyIdentifierExtension>().FirstOrDefault()
                ?? new X509SubjectKeyIdentifierExtension(root.PublicKey, false)
        );
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_signer, true, false));
        using var signer = new SigningKey(_signer);
        using var crossed = request.Create(
            _signer.SubjectName,
            signer.Generator,
            Latest(root.NotBefore, _signer.NotBefore),
            Earliest(root.NotAfter, _signer.NotAfter),
            Serial()
        );
        return crossed.ExportCertificatePem() + "\n" + Intermediates;
    }

    /// <inheritdoc/>
    public void Dispose() => _signer.Dispose();

    /// <summary>Whether the path lengths of this authority and of all above it allow so many authorities below this one.</summary>
    private bool MayHaveBelow(int count) =>
        _path
            .Index()
            .All(c =>
                c.Item.Extensions.OfType<X509BasicConstraintsExtension>().FirstOrDefault() is not { HasPathLengthConstraint: true } bounds
                || bounds.PathLengthConstraint >= count + c.Index
            );

    private void CheckNames(IReadOnlyList<string> dnsNames, IReadOnlyList<IPAddress> addresses)
    {
        foreach (var constraints in Constraints)
        {
            var refused =
                dnsNames.FirstOrDefault(name => !constraints.PermitDns(name))
                ?? addresses.FirstOrDefault(address => !constraints.PermitAddress(address))?.ToString();
            if (refused is not null)
                throw new CertificateAuthorityException(
                    $"tls.crt: the name constraints of '{constraints.Authority}' do not permit '{refused}', a name of the operator's "
                        + "own certificate; have it issued with that name permitted"
                );
        }
    }

    private IssuedCertificate Issue(string subject, X509Extension names, TimeSpan lifetime, LeafKeyType keyType, string[] usages)
    {
        var now = _time.GetUtcNow();
        if (NotAfter <= now)
            throw new CertificateAuthorityException($"the certificate authority expired at {NotAfter:u} and signs nothing more");
        using var key = new LeafKey(keyType);
        var request = key.Request(new X500DistinguishedName(subject));
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(key.Usages, true));
        var oids = new OidCollection();
        foreach (var usage in usages)
            oids.Add(new Oid(usage));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(oids, false));
        request.CertificateExtensions.Add(names);
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_signer, true, false));

        var notAfter = now + lifetime < NotAfter ? now + lifetime : NotAfter;
        using var signer = new SigningKey(_signer);
        using var certificate = request.Create(
            _signer.SubjectName,
            signer.Generator,
            now - ClockSkew < _signer.NotBefore ? _signer.NotBefore : now - ClockSkew,
            notAfter,
            Serial()
        );
        var chain = certificate.ExportCertificatePem() + "\n" + Intermediates;
        return new IssuedCertificate(
            chain,
            key.ExportPem(),
            certificate.NotBefore.ToUniversalTime(),
            certificate.NotAfter.ToUniversalTime()
        )
        {
            Signer = Fingerprint,
        };
    }

    private static DateTimeOffset Latest(DateTime one, DateTime other) => one > other ? one : other;

    private static DateTimeOffset Earliest(DateTime one, DateTime other) => one < other ? one : other;

    /// <summary>127 random bits: positive, and not to be guessed (RFC 5280, 4.1.2.2).</summary>
    private static byte[] Serial()
    {
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] &= 0x7f;
        if (serial[0] == 0)
            serial[0] = 1;
        return serial;
    }
}

/// <summary>What is kept of an authority: the keys <c>tls.crt</c>, <c>tls.key</c> and <c>ca.crt</c> of its Secret, PEM.</summary>
/// <param name="Certificate">The signing certificate, and after it those between it and the root.</param>
/// <param name="PrivateKey">Its key. Never log this.</param>
/// <param name="Roots">The roots that peers trust.</param>
public sealed record CertificateAuthorityFiles(string Certificate, string PrivateKey, string Roots)
{
    /// <summary>Names the type only, so that no key gets into a log.</summary>
    public override string ToString() => nameof(CertificateAuthorityFiles);
}

/// <summary>A certificate with its key, both PEM.</summary>
/// <param name="CertificateChain">The certificate, and after it those between it and the root.</param>
/// <param name="PrivateKey">The key in PKCS #8. Never log this.</param>
/// <param name="NotBefore">When it begins to be valid.</param>
/// <param name="NotAfter">When it ends.</param>
public sealed record IssuedCertificate(string CertificateChain, string PrivateKey, DateTimeOffset NotBefore, DateTimeOffset NotAfter)
{
    /// <summary>The <see cref="CertificateAuthority.Fingerprint"/> of who signed it.</summary>
    public required string Signer { get; init; }

    /// <summary>Names the type only, so that no key gets into a log.</summary>
    public override string ToString() => nameof(IssuedCertificate);
}

/// <summary>The files of an authority cannot be used.</summary>
public sealed class CertificateAuthorityException : Exception
{
    /// <summary>Says why.</summary>
    public CertificateAuthorityException(string message, Exception? inner = null)
        : base(message, inner) { }
}
