using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MeshOperator.Certificates;

namespace MeshOperator.Authority;

/// <summary>A certificate that the mesh depends on.</summary>
/// <param name="Name">root, intermediate, next-root or webhook.</param>
/// <param name="NotBefore">When it begins.</param>
/// <param name="NotAfter">When it ends.</param>
/// <param name="Fingerprint">SHA-256, in lowercase hexadecimal digits.</param>
internal sealed record WatchedCertificate(string Name, DateTimeOffset NotBefore, DateTimeOffset NotAfter, string Fingerprint);

/// <summary>How near a certificate is to its end. Certificates that are short-lived are not always near it: a third of the life and a tenth
/// of it are the bounds where they come to less than 30 days and 7 days.</summary>
internal enum Nearness
{
    Far,
    Within30Days,
    Within7Days,
    Expired,
}

/// <summary>Knows when the certificates end that the mesh depends on.</summary>
internal sealed class AuthorityExpiry(MeshAuthority authority, ServingCertificate serving, TimeProvider time)
{
    /// <summary>The certificates, as they are now.</summary>
    public IReadOnlyList<WatchedCertificate> Certificates()
    {
        var present = authority.Current;
        var certificates = new List<WatchedCertificate>();
        using (var root = present.Signer.FindRoot())
            certificates.Add(Watch("root", root));
        foreach (var (index, certificate) in PemBundle.Read(present.Signer.Files.Certificate).Index())
        {
            using (certificate)
            {
                if (!present.Signer.IsRoot && index == 0)
                    certificates.Add(Watch("intermediate", certificate));
            }
        }

        if (present.State.Next is { } next)
        {
            using var authority = CertificateAuthority.Load(next, time);
            using var root = authority.FindRoot();
            certificates.Add(Watch("next-root", root));
        }

        certificates.Add(Watch("webhook", serving.Current.TargetCertificate));
        return certificates;
    }

    /// <summary>How near a certificate is to its end.</summary>
    public static Nearness FindNearness(WatchedCertificate certificate, DateTimeOffset now)
    {
        var (left, life) = (certificate.NotAfter - now, certificate.NotAfter - certificate.NotBefore);
        if (left <= TimeSpan.Zero)
            return Nearness.Expired;
        if (left < Shorter(TimeSpan.FromDays(7), life / 10))
            return Nearness.Within7Days;
        return left < Shorter(TimeSpan.FromDays(30), life / 3) ? Nearness.Within30Days : Nearness.Far;
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private static WatchedCertificate Watch(string name, X509Certificate2 certificate) =>
        new(
            name,
            certificate.NotBefore.ToUniversalTime(),
            certificate.NotAfter.ToUniversalTime(),
            Convert.ToHexStringLower(certificate.GetCertHash(HashAlgorithmName.SHA256))
        );
}
