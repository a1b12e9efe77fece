using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace MeshOperator.Certificates;

/// <summary>Reads the key of an authority and puts it together with its certificate.</summary>
internal static class AuthorityKey
{
    private const int WeakestRsa = 2048;
    private static readonly string[] Curves = ["1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.132.0.35"];

    /// <summary>The certificate with its key.</summary>
    /// <param name="certificate">The first of <c>tls.crt</c>.</param>
    /// <param name="pem">The content of <c>tls.key</c>: PKCS #8, PKCS #1 or SEC 1.</param>
    /// <exception cref="CertificateAuthorityException">The key cannot be read, or is another certificate's.</exception>
    public static X509Certificate2 Join(X509Certificate2 certificate, string pem)
    {
        using var key = Read(pem);
        if (!key.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(certificate.PublicKey.ExportSubjectPublicKeyInfo()))
            throw new CertificateAuthorityException(
                $"tls.key is not the key of '{certificate.Subject}', the first certificate of tls.crt; put the authority's own "
                    + "certificate first and its key beside it"
            );
        return key is ECDsa ecdsa ? certificate.CopyWithPrivateKey(ecdsa) : certificate.CopyWithPrivateKey((RSA)key);
    }

    /// <summary>Throws when a certificate's key is too weak to trust it.</summary>
    public static void CheckStrength(X509Certificate2 certificate, string where)
    {
        using var rsa = certificate.GetRSAPublicKey();
        using var ecdsa = certificate.GetECDsaPublicKey();
        if (rsa is { KeySize: < WeakestRsa })
            throw new CertificateAuthorityException(
                $"{where}: the RSA key of '{certificate.Subject}' has {rsa.KeySize} bits; use at least {WeakestRsa}"
            );
        if (rsa is null && (ecdsa is null || !Curves.Contains(ecdsa.ExportParameters(false).Curve.Oid?.Value)))
            throw new CertificateAuthorityException(
                $"{where}: the key of '{certificate.Subject}' is neither RSA nor ECDSA on P-256, P-384 or P-521; make the authority "
                    + "with one of these"
            );
    }

    private static AsymmetricAlgorithm Read(string pem)
    {
        AsymmetricAlgorithm[] kinds = [ECDsa.Create(), RSA.Create()];
        var read = kinds.FirstOrDefault(kind => TryImport(kind, pem));
        foreach (var other in kinds.Where(kind => kind != read))
            other.Dispose();
        return read
            ?? throw new CertificateAuthorityException(
                pem.Contains("ENCRYPTED", StringComparison.Ordinal)
                    ? "tls.key is encrypted with a password; put the plain key there"
                    : "tls.key holds no private key of ECDSA or RSA in PEM (PKCS #8, PKCS #1 or SEC 1)"
            );
    }

    private static bool TryImport(AsymmetricAlgorithm key, string pem)
    {
        try
        {
            key.ImportFromPem(pem);
            // A public key can be imported too.
            return pem.Contains("PRIVATE KEY-----", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            return false;
        }
    }
}
