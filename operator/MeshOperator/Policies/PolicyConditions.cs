using System.Globalization;
using MeshOperator.Api.V1Alpha1;
using MeshOperator.Mesh.Translation;
using MeshOperator.Xds.Registry;

namespace MeshOperator.Policies;

/// <summary>Makes a policy's status of what the translation found and what the proxies answered. Pure.</summary>
internal static class PolicyConditions
{
    public const string Accepted = "Accepted";
    public const string ResolvedRefs = "ResolvedRefs";
    public const string Programmed = "Programmed";
    private const int MostNamed = 3;

    /// <summary>The status; a condition whose status stays as it was keeps its transition time.</summary>
    public static PolicyStatus Status(PolicyVerdict verdict, PolicyProgress progress, PolicyStatus? before, DateTimeOffset now)
    {
        (string Type, Finding Finding)[] findings =
        [
            (Accepted, verdict.Accepted),
            (ResolvedRefs, verdict.ResolvedRefs),
            (Programmed, ToProgrammed(verdict, progress)),
        ];
        return new PolicyStatus
        {
            Conditions = Conditions.Of(findings, verdict.Generation, before?.Conditions, now),
            Proxies = new ProxyCounts
            {
                Targeted = progress.Targeted,
                Acknowledged = progress.Acknowledged,
                Rejected = progress.Rejected.Count,
                Summary = string.Create(CultureInfo.InvariantCulture, $"{progress.Acknowledged}/{progress.Targeted}"),
            },
        };
    }

    /// <summary>Whether two statuses say the same, transition times apart.</summary>
    public static bool SaySame(PolicyStatus a, PolicyStatus? b)
    {
        if (b?.Proxies is not { } proxies || a.Conditions.Count != b.Conditions.Count) return false;
        if ((a.Proxies!.Targeted, a.Proxies.Acknowledged, a.Proxies.Rejected, a.Proxies.Summary)
            != (proxies.Targeted, proxies.Acknowledged, proxies.Rejected, proxies.Summary))
        {
            return false;
        }

        return a.Conditions.TrueForAll(x => b.Conditions.Exists(y =>
            (x.Type, x.Status, x.Reason, x.Message, x.ObservedGeneration) == (y.Type, y.Status, y.Reason, y.Message, y.ObservedGeneration)));
    }

    /// <summary>The events that a change of status is worth.</summary>
    public static IReadOnlyList<PolicyEvent> Events(PolicyStatus after, PolicyStatus? before)
    {
        var events = new List<PolicyEvent>();
        foreach (var condition in after.Conditions)
        {
            var old = before?.Conditions.Find(c => c.Type == condition.Type);
            if (old is not null && old.Status == condition.Status && old.Reason == condition.Reason) continue;
            if (condition is { Status: "False", Reason: not ("Pending" or "PartiallyProgrammed") }) events.Add(new PolicyEvent(true, condition.Reason, condition.Message));
            else if (condition is { Type: Programmed, Status: "True" }) events.Add(new PolicyEvent(false, Programmed, condition.Message));
        }

        return events;
    }

    private static Finding ToProgrammed(PolicyVerdict verdict, PolicyProgress progress)
    {
        if (verdict is { Accepted.Holds: true, Idle: { } idle }) return idle;
        if (!verdict.InEffect) return new Finding(false, "Pending", "The policy is not in effect; see the condition Accepted.");
        if (!verdict.Accepted.Holds) return new Finding(false, "Pending", "Proxies have only what is in effect of it; see the condition Accepted.");
        if (progress.Targeted == 0) return new Finding(false, "Pending", "No proxy that the policy applies to is connected.");
        var counts = string.Create(CultureInfo.InvariantCulture, $"{progress.Acknowledged} of {progress.Targeted} proxies");
        if (progress.Rejected.Count > 0)
        {
            var named = string.Join("; ", progress.Rejected.OrderBy(r => r.NodeId, StringComparer.Ordinal).Take(MostNamed).Select(r => $"{r.NodeId} refused {r.Resource}: {r.Reason}"));
            var more = progress.Rejected.Count > MostNamed ? string.Create(CultureInfo.InvariantCulture, $"; and {progress.Rejected.Count - MostNamed} more") : string.Empty;
            return new Finding(false, progress.Acknowledged > 0 ? "PartiallyProgrammed" : "Rejected", $"{counts} have acknowledged the policy. {named}{more}");
        }

        if (progress.Acknowledged == progress.Targeted) return new Finding(true, Programmed, $"All {counts} have acknowledged the policy.");
        return new Finding(false, progress.Acknowledged > 0 ? "PartiallyProgrammed" : "Pending", $"{counts} have acknowledged the policy.");
    }
}
