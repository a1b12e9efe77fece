using System.Globalization;
using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Conditions;
using MeshOperator.Mesh.Translation;
using MeshOperator.Mesh.Verdicts;
using MeshOperator.Xds.Registry;

namespace MeshOperator.Statuses;

/// <summary>Makes a policy's status of what the translation found and what the proxies answered. Pure.</summary>
internal static class PolicyConditions
{
    private const int MostNamed = 3;

    /// <summary>The status; a condition whose status stays as it was keeps its transition time.</summary>
    public static PolicyStatus Status(PolicyVerdict verdict, PolicyProgress progress, PolicyStatus? before, DateTimeOffset now)
    {
        (string Type, Finding Finding)[] findings =
        [
            (ConditionTypes.Accepted, verdict.Accepted),
            (ConditionTypes.ResolvedRefs, verdict.ResolvedRefs),
            (ConditionTypes.Programmed, ToProgrammed(verdict, progress, now)),
        ];
        return new PolicyStatus
        {
            ObservedGeneration = verdict.Generation,
            Conditions = ConditionBuilder.Build(findings, verdict.Generation, before?.Conditions, now),
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
        if (b?.Proxies is not { } proxies || a.ObservedGeneration != b.ObservedGeneration || a.Conditions.Count != Own(b).Count)
            return false;
        if (
            (a.Proxies!.Targeted, a.Proxies.Acknowledged, a.Proxies.Rejected, a.Proxies.Summary)
            != (proxies.Targeted, proxies.Acknowledged, proxies.Rejected, proxies.Summary)
        )
        {
            return false;
        }

        return a.Conditions.TrueForAll(x =>
            b.Conditions.Exists(y =>
                (x.Type, x.Status, x.Reason, x.Message, x.ObservedGeneration)
                == (y.Type, y.Status, y.Reason, y.Message, y.ObservedGeneration)
            )
        );
    }

    /// <summary>Whether a status differs only in how many proxies have acknowledged, and others are waited for in both.</summary>
    public static bool IsProgress(PolicyStatus after, PolicyStatus? before) =>
        DiffersOnlyInProxies(
            after,
            before,
            programmed: static (x, y) => x.Status == y.Status && x is { Status: "False" } && IsOfProgress(x) && IsOfProgress(y),
            other: static (x, y) => (x.Status, x.Reason) == (y.Status, y.Reason)
        );

    /// <summary>Whether a status of an unchanged policy that was programmed differs only as proxies have come or gone, or have yet to
    /// acknowledge what became of something else.</summary>
    public static bool IsTurnover(PolicyStatus after, PolicyStatus? before) =>
        DiffersOnlyInProxies(
            after,
            before,
            programmed: static (x, y) =>
                y is { Status: "True", Reason: ConditionReasons.Programmed }
                && (IsOfProgress(x) || x.Reason == ConditionReasons.Programmed),
            other: static (x, y) => (x.Status, x.Reason, x.Message) == (y.Status, y.Reason, y.Message)
        );

    /// <summary>Whether two statuses are about the same and have the same rejections and conditions.</summary>
    /// <param name="after">The later one.</param>
    /// <param name="before">The earlier one; null for none.</param>
    /// <param name="programmed">Whether the conditions <c>Programmed</c>, later and earlier, count as the same.</param>
    /// <param name="other">Whether two conditions of another type do.</param>
    private static bool DiffersOnlyInProxies(
        PolicyStatus after,
        PolicyStatus? before,
        Func<PolicyCondition, PolicyCondition, bool> programmed,
        Func<PolicyCondition, PolicyCondition, bool> other
    ) =>
        before?.Proxies is { } proxies
        && after.ObservedGeneration == before.ObservedGeneration
        && after.Proxies!.Rejected == proxies.Rejected
        && after.Conditions.Count == Own(before).Count
        && after.Conditions.TrueForAll(x =>
            before.Conditions.Exists(y =>
                x.Type == y.Type
                && x.ObservedGeneration == y.ObservedGeneration
                && (x.Type == ConditionTypes.Programmed ? programmed(x, y) : other(x, y))
            )
        );

    private static bool IsOfProgress(PolicyCondition condition) =>
        condition.Reason is ConditionReasons.Pending or ConditionReasons.PartiallyProgrammed;

    /// <summary>The events that a change of status is worth.</summary>
    public static IReadOnlyList<ConditionEvent> Events(PolicyStatus after, PolicyStatus? before)
    {
        var events = new List<ConditionEvent>();
        foreach (var condition in after.Conditions)
        {
            var old = before?.Conditions.Find(c => c.Type == condition.Type);
            if (old is not null && old.Status == condition.Status && old.Reason == condition.Reason)
                continue;
            if (condition is { Status: "False", Reason: not (ConditionReasons.Pending or ConditionReasons.PartiallyProgrammed) })
                events.Add(new ConditionEvent(true, condition.Reason, condition.Message));
            else if (condition is { Type: ConditionTypes.Programmed, Status: "True" })
                events.Add(new ConditionEvent(false, ConditionReasons.Programmed, condition.Message));
        }

        return events;
    }

    /// <summary>Whether proxies are waited for that have not acknowledged, and none refuses.</summary>
    public static bool IsWaiting(PolicyProgress progress, DateTimeOffset now) =>
        progress.Rejected.Count == 0
        && (
            progress.IsRevoking
            || progress.Acknowledged < progress.Targeted - progress.Unconnected.Count
            || progress.Unconnected.Any(proxy => proxy.Holds(now))
        );

    /// <summary>Whether a status is about the policy as it is, as far as that is known without asking proxies.</summary>
    public static bool IsAbout(PolicyStatus? status, PolicyVerdict verdict) =>
        status?.Conditions.Find(c => c.Type == ConditionTypes.Programmed)?.ObservedGeneration == verdict.Generation
        && IsSame(status, ConditionTypes.Accepted, verdict.Accepted)
        && IsSame(status, ConditionTypes.ResolvedRefs, verdict.ResolvedRefs);

    /// <summary>The conditions that are made here; those of gradual shifts are not.</summary>
    private static List<PolicyCondition> Own(PolicyStatus status) =>
        status.Conditions.FindAll(c => c.Type is ConditionTypes.Accepted or ConditionTypes.ResolvedRefs or ConditionTypes.Programmed);

    private static bool IsSame(PolicyStatus status, string type, Finding finding) =>
        status.Conditions.Find(c => c.Type == type) is { } condition
        && (condition.Status == "True") == finding.Holds
        && condition.Reason == finding.Reason;

    private static Finding ToProgrammed(PolicyVerdict verdict, PolicyProgress progress, DateTimeOffset now)
    {
        if (verdict is { Accepted.Holds: true, NoEffect: { } noEffect })
            return noEffect;
        if (!verdict.InEffect)
            return new Finding(false, ConditionReasons.Pending, "The policy is not in effect; see the Accepted condition.");
        if (!verdict.Accepted.Holds)
            return new Finding(
                false,
                ConditionReasons.Pending,
                "Only part of this policy, or its last valid version, is in effect; see the Accepted condition."
            );
        if (progress.Targeted == 0)
            return NoProxies("The policy applies to no running pod with a proxy.");
        if (progress is { IsRevoking: true, Rejected.Count: 0 })
            return new Finding(
                false,
                ConditionReasons.Pending,
                "Callers lost permissions, and their open connections have not been closed yet."
            );
        var counts = string.Create(CultureInfo.InvariantCulture, $"{progress.Acknowledged} of {progress.Targeted} proxies");
        var unconnected = Unconnected(progress, now);
        var partly = progress.Acknowledged > 0 ? ConditionReasons.PartiallyProgrammed : ConditionReasons.Pending;
        if (progress.Rejected.Count > 0)
        {
            var named = string.Join(
                "; ",
                progress
                    .Rejected.OrderBy(r => r.NodeId, StringComparer.Ordinal)
                    .Take(MostNamed)
                    .Select(r => $"{r.NodeId} rejected {r.Resource}: {r.Reason}")
            );
            var reason = progress.Acknowledged > 0 ? ConditionReasons.PartiallyProgrammed : ConditionReasons.Rejected;
            return new Finding(
                false,
                reason,
                $"{counts} have acknowledged the policy{unconnected}. {named}{More(progress.Rejected.Count)}"
            );
        }

        if (progress.Acknowledged == progress.Targeted)
            return new Finding(true, ConditionReasons.Programmed, $"All {counts} have acknowledged the policy.");
        if (IsWaiting(progress, now))
            return new Finding(false, partly, $"{counts} have acknowledged{unconnected}.");
        return progress.Acknowledged > 0
            ? new Finding(true, ConditionReasons.Programmed, $"{counts} have acknowledged{unconnected}.")
            : NoProxies($"No proxy that the policy applies to is connected or in a ready pod{unconnected}.");
    }

    private static Finding NoProxies(string message) => new(false, ConditionReasons.NoProxies, message) { IsUnknown = true };

    /// <summary>Who is not connected, as the end of a sentence.</summary>
    private static string Unconnected(PolicyProgress progress, DateTimeOffset now)
    {
        if (progress.Unconnected.Count == 0)
            return string.Empty;
        var silent = progress.Silent.Count == 0 ? string.Empty : $"; not reporting: replica {string.Join(", ", progress.Silent)}";
        var named = FindFirst(progress.Unconnected, now)
            .Select(p => $"{p.Workload.Namespace}/{p.Workload.Pod} (for {CoarseAge.Text(now - p.Since)})");
        return $"; not connected: {string.Join(", ", named)}{More(progress.Unconnected.Count)}{silent}";
    }

    /// <summary>Those that are named: who is waited for, then by name. Few of thousands, so they are not sorted.</summary>
    private static List<ExpectedProxy> FindFirst(IReadOnlyCollection<ExpectedProxy> proxies, DateTimeOffset now)
    {
        var first = new List<ExpectedProxy>(MostNamed + 1);
        foreach (var proxy in proxies)
        {
            if (first.Count < MostNamed || Precedes(proxy, first[^1], now))
                Insert(first, proxy, now);
        }

        return first;
    }

    private static void Insert(List<ExpectedProxy> first, ExpectedProxy proxy, DateTimeOffset now)
    {
        var place = first.FindIndex(other => Precedes(proxy, other, now));
        first.Insert(place < 0 ? first.Count : place, proxy);
        if (first.Count > MostNamed)
            first.RemoveAt(MostNamed);
    }

    private static bool Precedes(ExpectedProxy one, ExpectedProxy other, DateTimeOffset now)
    {
        var holds = one.Holds(now);
        if (holds != other.Holds(now))
            return holds;
        var order = string.CompareOrdinal(one.Workload.Namespace, other.Workload.Namespace);
        return (order != 0 ? order : string.CompareOrdinal(one.Workload.Pod, other.Workload.Pod)) < 0;
    }

    private static string More(int count) =>
        count > MostNamed ? string.Create(CultureInfo.InvariantCulture, $"; and {count - MostNamed} more") : string.Empty;
}
