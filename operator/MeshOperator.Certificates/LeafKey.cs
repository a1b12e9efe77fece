using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace MeshOperator.Certificates;

/// <summary>A fresh key for a certificate that is about to be issued.</summary>
internal sealed class LeafKey : IDisposable
{
    private readonly ECDsa? _ecdsa;
    private readonly RSA? _rsa;

    public LeafKey(LeafKeyType type)
    {
        if (type is LeafKeyType.Rsa2048)
            _rsa = RSA.Create(2048);
        else
            _ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    }

    /// <summary>What the key may be used for. Cipher suites of TLS 1.2 without forward secrecy encrypt with an RSA key (RFC 5246,
    /// 7.4.2).</summary>
    public X509KeyUsageFlags Usages =>
        _rsa is null ? X509KeyUsageFlags.DigitalSignature : X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment;

    public CertificateRequest Request(X500DistinguishedName subject) =>
        _rsa is null
            ? new CertificateRequest(subject, _ecdsa!, HashAlgorithmName.SHA256)
            : new CertificateRequest(subject, _rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);

    /// <summary>The key in PKCS #8, PEM.</summary>
    public string ExportPem() => (_rsa?.ExportPkcs8PrivateKeyPem() ?? _ecdsa!.ExportPkcs8PrivateKeyPem()) + "\n";

    public void Dispose()
    {
        _ecdsa?.Dispose();
        _rsa?.Dispose();
    }
}
