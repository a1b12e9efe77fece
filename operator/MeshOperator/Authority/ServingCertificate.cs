using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using MeshOperator.Certificates;

namespace MeshOperator.Authority;

/// <summary>The operator's own certificate for ADS and webhooks; replaced at half of its life, and when another authority signs, without a
/// restart. Cross-signed roots go along, so that who started with an earlier root still knows the operator.</summary>
internal sealed class ServingCertificate(MeshAuthority authority, IReadOnlyList<string> names, TimeProvider time)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(30);
    private static readonly IPAddress[] Addresses = [IPAddress.Loopback, IPAddress.IPv6Loopback];
    private readonly Lock _lock = new();
    private SslStreamCertificateContext? _current;
    private MeshAuthority.Snapshot? _of;
    private DateTimeOffset _renewAt;

    /// <summary>The certificate to serve now. Never disposed while connections may use it: one that was replaced is left to the
    /// garbage collector.</summary>
    public SslStreamCertificateContext Current
    {
        get
        {
            lock (_lock)
            {
                var now = time.GetUtcNow();
                var present = authority.Current;
                if (_current is not null && now < _renewAt && IsSame(present, _of!))
                    return _current;
                var issued = Issue(present.Signer, names);
                _current = Context(issued, present.State.CrossCertificates);
                _of = present;
                _renewAt = now + ((issued.NotAfter - now) / 2);
                return _current;
            }
        }
    }

    /// <summary>Makes sure that an authority may sign the operator's own names.</summary>
    /// <exception cref="CertificateAuthorityException">It may not; the message names which.</exception>
    public static void Check(CertificateAuthority authority, IReadOnlyList<string> names) => _ = Issue(authority, names);

    /// <summary>Of a user's authority with name constraints only the first name is demanded, by which proxies and the API server ask for
    /// the operator.</summary>
    private static IssuedCertificate Issue(CertificateAuthority authority, IReadOnlyList<string> names) =>
        authority.IssueServer([names[0], .. names.Skip(1).Where(authority.Permits)], [.. Addresses.Where(authority.Permits)], Lifetime);

    private static bool IsSame(MeshAuthority.Snapshot one, MeshAuthority.Snapshot other) =>
        ReferenceEquals(one.Signer, other.Signer) && one.State.CrossCertificates == other.State.CrossCertificates;

    private static SslStreamCertificateContext Context(IssuedCertificate issued, string crossCertificates)
    {
        using var pem = X509Certificate2.CreateFromPem(issued.CertificateChain, issued.PrivateKey);
        var certificate = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
        var chain = PemBundle.Read(issued.CertificateChain + crossCertificates);
        chain.RemoveAt(0);
        return SslStreamCertificateContext.Create(certificate, chain, offline: true);
    }
}
