using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Policies;

namespace MeshOperator.Mesh.Translation.Workloads;

/// <summary>Counts the ready pods of each group that shares rate limits. Pods whose proxies cannot share are counted too, as they get their
/// part of the requests.</summary>
internal static class LimitGroups
{
    public static ImmutableDictionary<WorkloadName, MeshWorkload> Assign(
        ClusterSnapshot snapshot,
        RateLimitIndex limits,
        ImmutableDictionary<WorkloadName, MeshWorkload> workloads
    )
    {
        if (!limits.HasShared)
            return workloads;
        var addresses = FindReady(snapshot);
        var result = workloads.ToBuilder();
        var groups = workloads.Values.Where(workload => workload.Sharing is not null).GroupBy(workload => workload.Sharing!.Name);
        foreach (var group in groups)
        {
            var members = group
                .Select(workload => addresses.GetValueOrDefault(workload.Name))
                .OfType<string>()
                .Distinct()
                .Order(StringComparer.Ordinal)
                .ToValueList();
            foreach (var workload in group)
                result[workload.Name] = workload with { Sharing = new LimitGroup(group.Key, members) };
        }

        return result.ToImmutable();
    }

    /// <summary>The pods that take traffic, with an address each: of several the same each time.</summary>
    private static Dictionary<WorkloadName, string> FindReady(ClusterSnapshot snapshot)
    {
        var ready = new Dictionary<WorkloadName, string>();
        foreach (var (name, slice) in snapshot.EndpointSlices)
        {
            foreach (var endpoint in slice.Endpoints)
            {
                if (endpoint is not { IsReady: true, Pod: { } pod, Addresses: [var address, ..] })
                    continue;
                var workload = new WorkloadName(endpoint.PodNamespace ?? name.Namespace, pod);
                if (!ready.TryGetValue(workload, out var known) || string.CompareOrdinal(address, known) < 0)
                    ready[workload] = address;
            }
        }

        return ready;
    }
}
