using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using MeshOperator.Xds.Secrets;

namespace MeshOperator.Xds.Tests.Support;

/// <summary>A certificate authority in memory.</summary>
internal sealed class TestCertificates : IIdentitySource, IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _root;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, IdentityMaterial> _identities = [];

    public TestCertificates()
    {
        var request = new CertificateRequest("CN=test root", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        var now = TimeProvider.System.GetUtcNow();
        _root = request.CreateSelfSigned(now.AddHours(-1), now.AddDays(1));
    }

    public event Action? Changed;

    public ReadOnlyMemory<byte> TrustBundle => Encoding.ASCII.GetBytes(_root.ExportCertificatePem() + "\n");

    public ValueTask<IdentityMaterial> GetIdentityAsync(string spiffeId, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (!_identities.TryGetValue(spiffeId, out var material)) _identities.Add(spiffeId, material = Issue(spiffeId));
            return ValueTask.FromResult(material);
        }
    }

    public void Renew(string spiffeId)
    {
        lock (_gate) _identities.Remove(spiffeId);
        Changed?.Invoke();
    }

    public void Dispose()
    {
        _root.Dispose();
        _key.Dispose();
    }

    private IdentityMaterial Issue(string spiffeId)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddUri(new Uri(spiffeId));
        request.CertificateExtensions.Add(names.Build(critical: true));
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(
            new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        var now = TimeProvider.System.GetUtcNow();
        using var leaf = request.Create(_root, now.AddMinutes(-1), now.AddHours(12), RandomNumberGenerator.GetBytes(16));
        return new IdentityMaterial(
            Encoding.ASCII.GetBytes(leaf.ExportCertificatePem() + "\n"), Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
    }
}
