using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace MeshOperator.Certificates;

/// <summary>Certificates one after the other, PEM.</summary>
public static class PemBundle
{
    /// <summary>The certificates of a bundle; to be disposed of.</summary>
    /// <exception cref="CryptographicException">It is not PEM.</exception>
    public static X509Certificate2Collection Read(string bundle)
    {
        var certificates = new X509Certificate2Collection();
        certificates.ImportFromPem(bundle);
        return certificates;
    }

    /// <summary>The certificates of all bundles in order, each once.</summary>
    public static string Union(params IEnumerable<string> bundles)
    {
        ArgumentNullException.ThrowIfNull(bundles);
        var (union, seen) = (new StringBuilder(), new HashSet<string>(StringComparer.Ordinal));
        foreach (var certificate in bundles.SelectMany(Read))
        {
            using (certificate)
            {
                if (seen.Add(certificate.Thumbprint))
                    union.Append(certificate.ExportCertificatePem()).Append('\n');
            }
        }

        return union.ToString();
    }

    /// <summary>The certificates of a bundle that have not ended.</summary>
    public static string WithoutExpired(string bundle, DateTimeOffset now)
    {
        var kept = new StringBuilder();
        foreach (var certificate in Read(bundle))
        {
            using (certificate)
            {
                if (certificate.NotAfter.ToUniversalTime() > now)
                    kept.Append(certificate.ExportCertificatePem()).Append('\n');
            }
        }

        return kept.ToString();
    }

    /// <summary>SHA-256 of a bundle's text, in lowercase hexadecimal digits.</summary>
    public static string Fingerprint(string bundle) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(bundle)));
}
