using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using MeshOperator.Xds.Secrets;

namespace MeshOperator.Xds.Tests.Support;

/// <summary>A certificate authority in memory.</summary>
internal sealed class TestCertificates : IIdentitySource, IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private X509Certificate2 _root;
    private readonly Lock _gate = new();
    private readonly Dictionary<(string NodeId, string SpiffeId), (IdentityMaterial Material, CancellationTokenSource Due)> _identities =
    [];

    public TestCertificates() => _root = MakeRoot();

    public event Action? Changed;

    public TrustMaterial TrustBundle
    {
        get
        {
            var root = Volatile.Read(ref _root);
            return new TrustMaterial(Encoding.ASCII.GetBytes(root.ExportCertificatePem() + "\n"), root.Thumbprint);
        }
    }

    /// <summary>The proxies whose stream has ended.</summary>
    public ConcurrentBag<string> Released { get; } = [];

    public ValueTask<IdentityMaterial> GetIdentityAsync(string nodeId, string spiffeId, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (!_identities.TryGetValue((nodeId, spiffeId), out var identity))
            {
                var due = new CancellationTokenSource();
                _identities.Add((nodeId, spiffeId), identity = (Issue(spiffeId, due.Token), due));
            }

            return ValueTask.FromResult(identity.Material);
        }
    }

    public void Release(string nodeId, string spiffeId) => Released.Add(nodeId);

    /// <summary>Renews what the proxies of one node have.</summary>
    public void Renew(string nodeId)
    {
        (IdentityMaterial, CancellationTokenSource Due)[] gone;
        lock (_gate)
        {
            gone = [.. _identities.Where(i => i.Key.NodeId == nodeId).Select(i => i.Value)];
            foreach (var key in _identities.Keys.Where(k => k.NodeId == nodeId).ToList())
                _identities.Remove(key);
        }

        foreach (var (_, due) in gone)
            due.Cancel();
    }

    /// <summary>Trusts another root from now on.</summary>
    public void ReplaceRoot()
    {
        Volatile.Write(ref _root, MakeRoot());
        Changed?.Invoke();
    }

    public void Dispose()
    {
        _root.Dispose();
        _key.Dispose();
    }

    private X509Certificate2 MakeRoot()
    {
        var request = new CertificateRequest("CN=test root", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddHours(-1), now.AddDays(1));
    }

    private IdentityMaterial Issue(string spiffeId, CancellationToken due)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddUri(new Uri(spiffeId));
        request.CertificateExtensions.Add(names.Build(critical: true));
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false)
        );
        var now = TimeProvider.System.GetUtcNow();
        using var leaf = request.Create(_root, now.AddMinutes(-1), now.AddHours(12), RandomNumberGenerator.GetBytes(16));
        return new IdentityMaterial(
            Encoding.ASCII.GetBytes(leaf.ExportCertificatePem() + "\n"),
            Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"),
            due
        )
        {
            Signer = _root.Thumbprint,
        };
    }
}
