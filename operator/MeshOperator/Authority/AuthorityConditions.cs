using System.Globalization;
using MeshOperator.Api;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Conditions;
using MeshOperator.Mesh.Translation;
using MeshOperator.Mesh.Verdicts;

namespace MeshOperator.Authority;

/// <summary>What was found of the certificate authority, of which its status is made.</summary>
/// <param name="State">The present state.</param>
/// <param name="Progress">How far the proxies are with it.</param>
/// <param name="Refusal">Why what the user asks for cannot be used; null when it is.</param>
/// <param name="Certificates">The certificates that matter.</param>
/// <param name="ClockDifference">How far the API server's clock is ahead of this machine's.</param>
/// <param name="IsOwn">Whether the operator made the authority.</param>
/// <param name="LastRotation">The last rotation that was asked for and begun.</param>
internal sealed record AuthorityFindings(
    AuthorityState State,
    RotationProgress Progress,
    (string Reason, string Message)? Refusal,
    IReadOnlyList<WatchedCertificate> Certificates,
    TimeSpan ClockDifference,
    bool IsOwn,
    string? LastRotation
);

/// <summary>Makes the status of the certificate authority. Pure.</summary>
internal static class AuthorityConditions
{
    private const int MostHolders = 10;
    private const int MostNamed = 3;

    /// <summary>Clocks that differ by more than this are reported: certificates begin five minutes in the past.</summary>
    private static readonly TimeSpan MostClockDifference = TimeSpan.FromMinutes(2);

    /// <summary>The status.</summary>
    public static MeshCertificateAuthorityStatus Status(
        AuthorityFindings found,
        long generation,
        MeshCertificateAuthorityStatus? before,
        DateTimeOffset now
    ) =>
        new()
        {
            Conditions = ConditionBuilder.Build(
                [
                    (ConditionTypes.Accepted, Accepted(found)),
                    (ConditionTypes.Progressing, Progressing(found)),
                    (ConditionTypes.ExpiringSoon, ExpiringSoon(found, now)),
                    (ConditionTypes.ClocksAgree, ClocksAgree(found)),
                ],
                generation,
                before?.Conditions,
                now
            ),
            Phase = found.State.Phase.ToString(),
            PhaseSince = Rfc3339(found.State.Since),
            ProxiesTrusting = string.Create(CultureInfo.InvariantCulture, $"{found.Progress.Done}/{found.Progress.Total}"),
            Holding =
                found.State.Phase == RotationPhase.Stable || found.Progress.Held.Count == 0
                    ? null
                    :
                    [
                        .. found
                            .Progress.Held.OrderBy(h => h.Who, StringComparer.Ordinal)
                            .Take(MostHolders)
                            .Select(h => new RotationHolder { Name = h.Who, Reason = h.Reason }),
                    ],
            NotAfter = Rfc3339(found.Certificates.Where(IsOfAuthority).Min(c => c.NotAfter)),
            Certificates =
            [
                .. found.Certificates.Select(c => new CertificateExpiry
                {
                    Name = c.Name,
                    NotAfter = Rfc3339(c.NotAfter),
                    Fingerprint = c.Fingerprint,
                }),
            ],
            LastRotation = found.LastRotation,
        };

    /// <summary>The events that a change of status is worth.</summary>
    public static IEnumerable<ConditionEvent> Events(MeshCertificateAuthorityStatus after, MeshCertificateAuthorityStatus? before)
    {
        foreach (var condition in after.Conditions)
        {
            var old = before?.Conditions.Find(c => c.Type == condition.Type);
            if (old is not null && (old.Status, old.Reason) == (condition.Status, condition.Reason))
                continue;
            var isExpiring = condition.Type == ConditionTypes.ExpiringSoon;
            var isBad = isExpiring
                ? condition.Status == "True"
                : condition is { Type: ConditionTypes.Accepted or ConditionTypes.ClocksAgree, Status: "False" };
            if (isBad)
                yield return new ConditionEvent(true, isExpiring ? condition.Type : condition.Reason, condition.Message);
            else if (condition.Type == ConditionTypes.Progressing && old is not null)
                yield return new ConditionEvent(false, condition.Reason, condition.Message);
        }
    }

    /// <summary>A moment as statuses have it.</summary>
    public static string Rfc3339(DateTimeOffset moment) =>
        moment.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static Finding Accepted(AuthorityFindings found) =>
        found.Refusal is var (reason, message)
            ? new Finding(false, reason, message + Clocks(found) + " The present authority stays in use.")
            : new Finding(true, ConditionReasons.Accepted, "The requested certificate authority is in use.");

    private static Finding Progressing(AuthorityFindings found)
    {
        if (found.State.Phase == RotationPhase.Stable)
            return new Finding(false, ConditionReasons.Stable, "No rotation is in flight.");
        var what = found.State.Phase switch
        {
            RotationPhase.DistributingTrust => "trust the new authority as well as the old one",
            RotationPhase.Signing => "have a certificate from the new authority",
            _ => "trust only the new authority",
        };
        var held = found.Progress.Held.OrderBy(h => h.Who, StringComparer.Ordinal).Take(MostNamed).Select(h => $"{h.Who} {h.Reason}");
        var more =
            found.Progress.Held.Count > MostNamed
                ? string.Create(CultureInfo.InvariantCulture, $"; and {found.Progress.Held.Count - MostNamed} more")
                : string.Empty;
        var waits = found.Progress.Held.Count > 0 ? $" Waiting because {string.Join("; ", held)}{more}." : string.Empty;
        return new Finding(
            true,
            found.State.Phase.ToString(),
            string.Create(
                CultureInfo.InvariantCulture,
                $"{found.Progress.Done} of {found.Progress.Total} proxies {what}.{waits}{Restarts(found.State)}"
            )
        );
    }

    /// <summary>What is to be done where the old authority could not cross-sign the new one.</summary>
    private static string Restarts(AuthorityState state) =>
        state.CrossCertificates.Length > 0 || PemBundle.Read(state.TrustBundle).Count < 2
            ? string.Empty
            : " The old authority cannot cross-sign the new one; when the rotation is complete, restart the pods that started before it.";

    private static Finding ExpiringSoon(AuthorityFindings found, DateTimeOffset now)
    {
        var nearest = found.Certificates.MaxBy(c => AuthorityExpiry.FindNearness(c, now))!;
        var nearness = AuthorityExpiry.FindNearness(nearest, now);
        if (nearness == Nearness.Far)
        {
            var first = found.Certificates.Where(IsOfAuthority).MinBy(c => c.NotAfter)!;
            return new Finding(
                false,
                ConditionReasons.NotExpiring,
                $"Of the certificate authority, the {first.Name} certificate is the first to expire, at {Rfc3339(first.NotAfter)}."
            );
        }

        var fix = (nearest.Name, found.IsOwn) switch
        {
            ("webhook", _) => "The operator should have replaced it; see the operator's log",
            (_, true) => "Run 'meshop ca rotate'",
            _ => "Put a new authority into Secret mesh-ca of the operator's namespace",
        };
        var message =
            $"The {nearest.Name} certificate {(nearness == Nearness.Expired ? "expired" : "expires")} at {Rfc3339(nearest.NotAfter)}. "
            + $"{fix}.{Clocks(found)}";
        return new Finding(true, nearness == Nearness.Expired ? ConditionReasons.Expired : $"Expires{nearness}", message);
    }

    /// <summary>Those that the operator renews by itself are not of the authority.</summary>
    private static bool IsOfAuthority(WatchedCertificate certificate) => certificate.Name is "root" or "intermediate";

    private static Finding ClocksAgree(AuthorityFindings found) =>
        Clocks(found) is { Length: > 0 } text
            ? new Finding(
                false,
                ConditionReasons.ClocksDisagree,
                text.TrimStart() + " Valid certificates can look expired or not yet valid. Correct the clocks of the nodes."
            )
            : new Finding(true, ConditionReasons.ClocksAgree, "The API server's clock and the operator's agree.");

    private static string Clocks(AuthorityFindings found)
    {
        var difference = found.ClockDifference;
        if (difference.Duration() <= MostClockDifference)
            return string.Empty;
        var minutes = string.Create(CultureInfo.InvariantCulture, $"{difference.Duration().TotalMinutes:0}");
        return $" The API server's clock is {minutes} minutes {(difference > TimeSpan.Zero ? "ahead of" : "behind")} the operator's.";
    }
}
