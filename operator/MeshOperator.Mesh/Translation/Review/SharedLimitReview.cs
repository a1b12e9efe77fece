using System.Collections.Immutable;
using System.Globalization;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Endpoints;
using MeshOperator.Mesh.Translation.Policies;
using MeshOperator.Mesh.Translation.Verdicts;
using MeshOperator.Mesh.Translation.Workloads;

namespace MeshOperator.Mesh.Translation.Review;

/// <summary>Finds where RateLimits that are for several pods together are counted by each proxy alone, or cannot be divided.</summary>
internal static class SharedLimitReview
{
    private const int ListedPods = 3;

    public static IEnumerable<PolicyFinding> Review(
        ClusterSnapshot snapshot,
        PolicyIndexes policies,
        ImmutableDictionary<WorkloadName, MeshWorkload> workloads,
        ServedPorts served
    )
    {
        if (!policies.Limits.HasShared)
            return [];
        var unable = new SortedDictionary<PolicyKey, SortedSet<string>>(PolicyKeyOrder.Instance);
        var displaced = new SortedDictionary<PolicyKey, (PolicyKey Holder, SortedSet<string> Pods)>(PolicyKeyOrder.Instance);
        var scarce = new SortedDictionary<PolicyKey, string>(PolicyKeyOrder.Instance);
        foreach (var workload in workloads.Values)
        {
            if (workload.Sharing is not { } sharing)
                continue;
            var name = new ObjectName(workload.Name.Namespace, workload.Name.Pod);
            var pod = snapshot.Pods[name];
            var limits = PodLimits.Find(
                policies.Limits,
                policies.Mtls.Find(name.Namespace, pod),
                name.Namespace,
                pod,
                served.GetPorts(name)
            );
            foreach (var policy in limits.Policies.Where(policy => policy.Group is not null))
            {
                if (!pod.CanShareLimits)
                    AddPod(unable, policy.Key, name.Name);
                else if (!limits.IsHeld(policy))
                    AddDisplaced(displaced, policy.Key, limits.Holder!.Key, name.Name);
                else if (FindScarce(policy, sharing.Addresses.Count) is { } message)
                    scarce[policy.Key] = message;
            }
        }

        return
        [
            .. unable.Select(policy => new Noted(policy.Key, UnableMessage(policy.Value))),
            .. displaced.Select(policy => new Noted(policy.Key, DisplacedMessage(policy.Value.Holder, policy.Value.Pods))),
            .. scarce.Select(policy => new Noted(policy.Key, policy.Value)),
        ];
    }

    private static void AddPod(SortedDictionary<PolicyKey, SortedSet<string>> pods, PolicyKey policy, string pod)
    {
        if (!pods.TryGetValue(policy, out var known))
            pods.Add(policy, known = new SortedSet<string>(StringComparer.Ordinal));
        known.Add(pod);
    }

    /// <summary>Of several holders the first by name is reported, so that the message is the same each time.</summary>
    private static void AddDisplaced(
        SortedDictionary<PolicyKey, (PolicyKey Holder, SortedSet<string> Pods)> displaced,
        PolicyKey policy,
        PolicyKey holder,
        string pod
    )
    {
        if (!displaced.TryGetValue(policy, out var known))
            known = (holder, new SortedSet<string>(StringComparer.Ordinal));
        known.Pods.Add(pod);
        displaced[policy] = (PolicyKeyOrder.Instance.Compare(holder, known.Holder) < 0 ? holder : known.Holder, known.Pods);
    }

    /// <summary>A bucket of a proxy must hold the tokens of one request, which are as many times more as there are pods.</summary>
    private static string? FindScarce(RateLimitIndex.Candidate policy, int pods)
    {
        foreach (var limit in policy.Limits)
        {
            var least = (long)pods * limit.Cost.Requests;
            if (limit.Burst < least)
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $"spec.limits[{limit.Index}]: each of the {pods} pods has less than one request of the burst of {limit.Burst}, so all "
                        + $"requests are refused; set burst to at least {least}."
                );
        }

        return null;
    }

    private static string UnableMessage(SortedSet<string> pods) =>
        $"Some pods count alone, because an operator injected them that could not share limits: {Enumerate(pods)}; restart them.";

    private static string DisplacedMessage(PolicyKey holder, SortedSet<string> pods) =>
        $"Some pods count alone, because they share the limits of {holder}, which is older and is for other pods: {Enumerate(pods)}; "
        + "give both policies the same targets or the same selector.";

    private static string Enumerate(SortedSet<string> pods)
    {
        var listed = string.Join(", ", pods.Take(ListedPods));
        return pods.Count <= ListedPods
            ? listed
            : string.Create(CultureInfo.InvariantCulture, $"{listed} and {pods.Count - ListedPods} more");
    }
}
