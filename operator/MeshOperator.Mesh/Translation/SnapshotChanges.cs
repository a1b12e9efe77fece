using System.Collections.Immutable;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>What of a snapshot was replaced. Records are immutable, so that one that is the same object says the same.</summary>
internal sealed class SnapshotChanges
{
    public SnapshotChanges(ClusterSnapshot? before, ClusterSnapshot after)
    {
        before ??= ClusterSnapshot.Empty;
        AllEndpoints = before.TrustDomain != after.TrustDomain
            || before.OperatorNamespace != after.OperatorNamespace
            || !ReferenceEquals(before.MtlsPolicies, after.MtlsPolicies);
        AllWorkloads = AllEndpoints
            || before.IsScopedToNamespace != after.IsScopedToNamespace
            || !ReferenceEquals(before.Namespaces, after.Namespaces)
            || !ReferenceEquals(before.RateLimits, after.RateLimits)
            // A limit whose target did not exist may have one now.
            || (!after.RateLimits.IsEmpty && !ReferenceEquals(before.Services, after.Services));
        Pods = Replaced(before.Pods, after.Pods);
    }

    /// <summary>Whether something was replaced on which all endpoints depend, and so all workloads.</summary>
    public bool AllEndpoints { get; }

    /// <summary>Whether something was replaced on which all workloads depend.</summary>
    public bool AllWorkloads { get; }

    /// <summary>The pods that were replaced, added or removed.</summary>
    public IReadOnlySet<ObjectName> Pods { get; }

    private static HashSet<ObjectName> Replaced<T>(ImmutableDictionary<ObjectName, T> before, ImmutableDictionary<ObjectName, T> after)
        where T : class
    {
        var names = new HashSet<ObjectName>();
        if (ReferenceEquals(before, after)) return names;
        var kept = 0;
        foreach (var (name, record) in after)
        {
            if (before.TryGetValue(name, out var old))
            {
                kept++;
                if (ReferenceEquals(old, record)) continue;
            }

            names.Add(name);
        }

        if (kept < before.Count) names.UnionWith(before.Keys.Where(name => !after.ContainsKey(name)));
        return names;
    }
}
