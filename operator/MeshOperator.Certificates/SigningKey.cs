using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace MeshOperator.Certificates;

/// <summary>The key of an authority's certificate, for signatures on certificates whose own key may be of another algorithm.</summary>
internal sealed class SigningKey : IDisposable
{
    private readonly AsymmetricAlgorithm _key;

    public SigningKey(X509Certificate2 certificate)
    {
        if (certificate.GetECDsaPrivateKey() is { } ecdsa)
            (_key, Generator) = (ecdsa, X509SignatureGenerator.CreateForECDsa(ecdsa));
        else if (certificate.GetRSAPrivateKey() is { } rsa)
            (_key, Generator) = (rsa, X509SignatureGenerator.CreateForRSA(rsa, RSASignaturePadding.Pkcs1));
        else
            throw new CertificateAuthorityException("the key of the certificate authority is neither ECDSA nor RSA");
    }

    public X509SignatureGenerator Generator { get; }

    public void Dispose() => _key.Dispose();
}
