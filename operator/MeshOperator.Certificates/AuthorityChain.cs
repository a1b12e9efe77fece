using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace MeshOperator.Certificates;

/// <summary>The certificates from an authority's own up to its root. Reading checks all that a peer would refuse later, and says which key
/// of the Secret is wrong and what to do.</summary>
internal sealed class AuthorityChain
{
    private const string AnyUsage = "2.5.29.37.0";

    /// <summary>A clock that runs behind this much is no fault.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    /// <summary>Server and client authentication: a proxy is both.</summary>
    private static readonly string[] BothEnds = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"];

    private readonly List<X509Certificate2> _path;

    private AuthorityChain(X509Certificate2 signer, List<X509Certificate2> path) => (Signer, _path) = (signer, path);

    /// <summary>The authority's certificate with its key.</summary>
    public X509Certificate2 Signer { get; }

    /// <summary>The certificates from the authority's own up to its root.</summary>
    public IReadOnlyList<X509Certificate2> Path => _path;

    /// <summary>The constraints of all authorities of the path.</summary>
    public IReadOnlyList<NameConstraints> Constraints => [.. _path.Select(NameConstraints.FromCertificate).OfType<NameConstraints>()];

    /// <summary>Reads and checks an authority.</summary>
    /// <exception cref="CertificateAuthorityException">It cannot be used; the message says why.</exception>
    public static AuthorityChain Read(CertificateAuthorityFiles files, DateTimeOffset now, string? trustDomain)
    {
        try
        {
            return ReadChecked(files, now, trustDomain);
        }
        catch (CryptographicException e)
        {
            // Extensions are decoded when they are asked for.
            throw new CertificateAuthorityException(
                $"a certificate of tls.crt or ca.crt has an extension that cannot be read: {e.Message}",
                e
            );
        }
    }

    private static AuthorityChain ReadChecked(CertificateAuthorityFiles files, DateTimeOffset now, string? trustDomain)
    {
        var given = Import(files.Certificate, "tls.crt");
        var roots = Import(files.Roots, "ca.crt");
        var path = BuildPath(given, roots);
        for (var i = 0; i < path.Count; i++)
            CheckAuthority(path[i], below: i, given.Contains(path[i]) ? "tls.crt" : "ca.crt", now);
        CheckSignatures(path, roots, now);
        var chain = new AuthorityChain(AuthorityKey.Join(given[0], files.PrivateKey), path);
        if (trustDomain is not null)
            CheckTrustDomain(chain.Constraints, trustDomain);
        return chain;
    }

    private static X509Certificate2Collection Import(string pem, string key)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(pem);
        }
        catch (CryptographicException e)
        {
            throw new CertificateAuthorityException($"{key} cannot be read as certificates in PEM: {e.Message}", e);
        }

        return certificates.Count > 0 ? certificates : throw new CertificateAuthorityException($"{key} holds no certificate in PEM");
    }

    /// <summary>From the authority's certificate to a root of ca.crt.</summary>
    private static List<X509Certificate2> BuildPath(X509Certificate2Collection given, X509Certificate2Collection roots)
    {
        List<X509Certificate2> path = [given[0]];
        while (!IsSelfIssued(path[^1]))
        {
            var last = path[^1];
            var issuer = given.Concat(roots).FirstOrDefault(c => Names(c, last) && !path.Contains(c));
            path.Add(
                issuer
                    ?? throw new CertificateAuthorityException(
                        $"the certificate of '{last.Issuer}', which signed '{last.Subject}', is missing; append it to tls.crt if it "
                            + "is an intermediate, or put it in ca.crt if it is the root"
                    )
            );
        }

        return roots.Contains(path[^1])
            ? path
            : throw new CertificateAuthorityException(
                $"ca.crt does not hold '{path[^1].Subject}', the root of tls.crt; put that certificate there"
            );
    }

    private static bool IsSelfIssued(X509Certificate2 certificate) =>
        certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData);

    private static bool Names(X509Certificate2 issuer, X509Certificate2 issued)
    {
        if (!issuer.SubjectName.RawData.AsSpan().SequenceEqual(issued.IssuerName.RawData))
            return false;
        var wanted = issued.Extensions.OfType<X509AuthorityKeyIdentifierExtension>().FirstOrDefault()?.KeyIdentifier;
        var offered = issuer.Extensions.OfType<X509SubjectKeyIdentifierExtension>().FirstOrDefault()?.SubjectKeyIdentifierBytes;
        return wanted is null || offered is null || wanted.Value.Span.SequenceEqual(offered.Value.Span);
    }

    private static void CheckAuthority(X509Certificate2 certificate, int below, string key, DateTimeOffset now)
    {
        var subject = $"{key}: '{certificate.Subject}'";
        var basic = certificate.Extensions.OfType<X509BasicConstraintsExtension>().FirstOrDefault();
        if (basic is not { CertificateAuthority: true })
            throw new CertificateAuthorityException(
                $"{subject} is not the certificate of an authority (basic constraints lack CA:TRUE); put that of an authority there"
            );
        if (
            certificate.Extensions.OfType<X509KeyUsageExtension>().FirstOrDefault() is { } usage
            && !usage.KeyUsages.HasFlag(X509KeyUsageFlags.KeyCertSign)
        )
            throw new CertificateAuthorityException(
                $"{subject} may not sign certificates (key usage lacks keyCertSign); have it issued with that usage"
            );
        if (certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault() is { } extended && !IsForBothEnds(extended))
            throw new CertificateAuthorityException(
                $"{subject} may sign certificates for one end of TLS at most (extended key usage lacks serverAuth or clientAuth), and "
                    + "proxies are both; have it issued with both, or without that extension"
            );
        if (basic.HasPathLengthConstraint && basic.PathLengthConstraint < below)
            throw new CertificateAuthorityException(
                $"{subject} allows {basic.PathLengthConstraint} authorities below it, and there are {below} (path length); have it "
                    + "issued with a longer path, or leave authorities out"
            );
        if (certificate.NotAfter.ToUniversalTime() <= now)
            throw new CertificateAuthorityException($"{subject} expired at {certificate.NotAfter.ToUniversalTime():u}; replace it");
        if (certificate.NotBefore.ToUniversalTime() > now + ClockSkew)
            throw new CertificateAuthorityException(
                $"{subject} is valid only from {certificate.NotBefore.ToUniversalTime():u}, and here it is {now:u}; check this "
                    + "machine's clock"
            );
        AuthorityKey.CheckStrength(certificate, key);
    }

    /// <summary>What an authority may be used for is a bound for all below it, as TLS libraries see it.</summary>
    private static bool IsForBothEnds(X509EnhancedKeyUsageExtension extended)
    {
        var usages = extended.EnhancedKeyUsages.Cast<Oid>().Select(oid => oid.Value).ToHashSet();
        return usages.Contains(AnyUsage) || BothEnds.All(usages.Contains);
    }

    /// <summary>The names fit together; whether one really signed the other is for the platform to say.</summary>
    private static void CheckSignatures(List<X509Certificate2> path, X509Certificate2Collection roots, DateTimeOffset now)
    {
        using var verifier = new X509Chain();
        verifier.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        verifier.ChainPolicy.CustomTrustStore.AddRange(roots);
        verifier.ChainPolicy.ExtraStore.AddRange(path.ToArray());
        verifier.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        verifier.ChainPolicy.VerificationTime = (now > path.Max(c => c.NotBefore.ToUniversalTime()) ? now : now + ClockSkew).UtcDateTime;
        if (!verifier.Build(path[0]))
            throw new CertificateAuthorityException(
                $"tls.crt does not chain to ca.crt: {string.Join("; ", verifier.ChainStatus.Select(s => s.StatusInformation.Trim()))}"
            );
    }

    private static void CheckTrustDomain(IReadOnlyList<NameConstraints> constraints, string trustDomain)
    {
        if (constraints.FirstOrDefault(c => !c.PermitUri(trustDomain)) is { } narrow)
            throw new CertificateAuthorityException(
                $"tls.crt: the name constraints of '{narrow.Authority}' do not permit identities of the trust domain, "
                    + $"spiffe://{trustDomain}/…; have it issued with URI:{trustDomain} permitted, or use another trust domain"
            );
    }
}
