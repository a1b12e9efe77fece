using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MeshOperator.Api;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;

namespace MeshOperator.Checks.Installation;

/// <summary>Whether the mesh's certificates are valid, by what is public of them.</summary>
internal static class CertificateCheck
{
    /// <param name="authority">The mesh's authority; null when there is none.</param>
    /// <param name="bundle">The trust bundle in PEM; null when there is none.</param>
    /// <param name="now">The time by the API server's clock.</param>
    public static IEnumerable<Finding> Find(MeshCertificateAuthority? authority, string? bundle, DateTimeOffset now)
    {
        if (authority?.Status is not { } status)
        {
            yield return Finding.Error(
                CheckNames.Certificates,
                authority is null
                    ? $"there is no MeshCertificateAuthority {MeshNames.CertificateAuthority}; look at the operator's log"
                    : "the MeshCertificateAuthority has no status; look at the operator's log"
            );
            yield break;
        }

        var found = status
            .Conditions.Select(FindCondition)
            .OfType<Finding>()
            .Concat((status.Certificates ?? []).Where(c => IsPast(c.NotAfter, now)).Select(Expired))
            .Concat(FindExpiredRoots(bundle, now))
            .ToList();
        if (found.Count == 0)
            found.Add(Finding.Ok(CheckNames.Certificates, $"the certificates are valid, the first until {status.NotAfter ?? "?"}"));
        foreach (var finding in found)
            yield return finding;
    }

    private static Finding? FindCondition(PolicyCondition condition) =>
        condition switch
        {
            { Type: ConditionTypes.Accepted, Status: "False" } => Finding.Error(CheckNames.Certificates, condition.Message),
            { Type: ConditionTypes.ExpiringSoon, Status: "True" } => Finding.Warning(CheckNames.Certificates, condition.Message),
            { Type: ConditionTypes.ClocksAgree, Status: "False" } => Finding.Warning(CheckNames.Clocks, condition.Message),
            _ => null,
        };

    private static Finding Expired(CertificateExpiry certificate) =>
        Finding.Error(
            CheckNames.Certificates,
            $"the certificate {certificate.Name} expired at {certificate.NotAfter}; run meshop ca rotate, or renew your own authority"
        );

    private static IEnumerable<Finding> FindExpiredRoots(string? bundle, DateTimeOffset now)
    {
        if (bundle is null)
            return [];
        var roots = new X509Certificate2Collection();
        try
        {
            roots.ImportFromPem(bundle);
        }
        catch (CryptographicException e)
        {
            return [Finding.Error(CheckNames.Certificates, $"the trust bundle cannot be read: {e.Message}; look at the operator's log")];
        }

        var expired = roots.Where(root => root.NotAfter.ToUniversalTime() < now.UtcDateTime).ToList();
        if (expired.Count == 0)
            return [];
        return
        [
            expired.Count == roots.Count
                ? Finding.Error(CheckNames.Certificates, "all roots in the trust bundle have expired; run meshop ca rotate")
                : Finding.Warning(
                    CheckNames.Certificates,
                    $"{expired.Count} of {roots.Count} roots in the trust bundle have expired; the rotation in flight removes them"
                ),
        ];
    }

    private static bool IsPast(string? time, DateTimeOffset now) =>
        DateTimeOffset.TryParse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var end) && end < now;
}
