using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MeshOperator.Certificates;

namespace MeshOperator.Testing;

/// <summary>An authority as cert-manager issues one: a root elsewhere, and an intermediate with its key here, which may have no other below
/// it.</summary>
internal static class UserAuthority
{
    /// <summary>The files of its Secret.</summary>
    public static CertificateAuthorityFiles Intermediate(DateTimeOffset now)
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var rootRequest = new CertificateRequest("CN=user root", rootKey, HashAlgorithmName.SHA256);
        rootRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var root = rootRequest.CreateSelfSigned(now.AddDays(-1), now.AddDays(1000));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=user intermediate", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        using var intermediate = request.Create(root, now.AddDays(-1), now.AddDays(90), [1, 2, 3]);
        return new CertificateAuthorityFiles(
            intermediate.ExportCertificatePem() + "\n",
            key.ExportECPrivateKeyPem() + "\n",
            root.ExportCertificatePem() + "\n"
        );
    }
}
