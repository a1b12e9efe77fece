using System.Net;
using System.Security.Cryptography.X509Certificates;
using MeshOperator.Certificates;

namespace MeshOperator.Identity;

/// <summary>The operator's own certificate for ADS and webhooks; replaced at half of its life without a restart.</summary>
internal sealed class ServingCertificate : IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(30);
    private readonly CertificateAuthority _authority;
    private readonly IReadOnlyList<string> _names;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private X509Certificate2? _current;
    private DateTimeOffset _renewAt;

    public ServingCertificate(CertificateAuthority authority, IReadOnlyList<string> names, TimeProvider time)
    {
        _authority = authority;
        _names = names;
        _time = time;
    }

    /// <summary>The certificate to serve now. Never disposed while connections may use it: one that was replaced is left to the
    /// garbage collector.</summary>
    public X509Certificate2 Current
    {
        get
        {
            lock (_lock)
            {
                var now = _time.GetUtcNow();
                if (_current is not null && now < _renewAt) return _current;
                var issued = _authority.IssueServer(_names, [IPAddress.Loopback, IPAddress.IPv6Loopback], Lifetime);
                using var pem = X509Certificate2.CreateFromPem(issued.CertificateChain, issued.PrivateKey);
                _current = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
                _renewAt = now + ((issued.NotAfter - now) / 2);
                return _current;
            }
        }
    }

    public void Dispose() => _current?.Dispose();
}
