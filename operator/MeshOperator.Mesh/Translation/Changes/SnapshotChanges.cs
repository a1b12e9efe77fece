using System.Collections.Immutable;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Policies;

namespace MeshOperator.Mesh.Translation.Changes;

/// <summary>What of a snapshot was replaced. Records are immutable, so that one that is the same object says the same.</summary>
internal sealed class SnapshotChanges
{
    private readonly HashSet<string> _ofEndpoints;
    private readonly HashSet<string> _ofWorkloads;
    private readonly HashSet<string> _nodes;

    /// <param name="before">The snapshot before; null for none.</param>
    /// <param name="after">The snapshot.</param>
    /// <param name="selections">The pods that selectors select; goes on to the snapshot here.</param>
    public SnapshotChanges(ClusterSnapshot? before, ClusterSnapshot after, PodSelections selections)
    {
        before ??= ClusterSnapshot.Empty;
        Pods = Replaced(before.Pods, after.Pods);
        selections.Update(after, Pods);
        _ofEndpoints = NamespacesOfChanged(PolicyEffects.Endpoints, before.Policies, after.Policies);
        AllEndpoints =
            before.TrustDomain != after.TrustDomain
            || before.OperatorNamespace != after.OperatorNamespace
            || _ofEndpoints.Contains(after.OperatorNamespace);
        AllWorkloads = AllEndpoints || before.IsScopedToNamespace != after.IsScopedToNamespace;
        _ofWorkloads = NamespacesOfChanged(PolicyEffects.Workloads, before.Policies, after.Policies);
        _ofWorkloads.UnionWith(Replaced(before.Namespaces, after.Namespaces).Select(name => name.Name));
        // A policy whose target did not exist may have one now.
        var named = after.Policies.FindNamedServices(PolicyEffects.Workloads);
        if (named.Count > 0)
            _ofWorkloads.UnionWith(Namespaces(Replaced(before.Services, after.Services).Intersect(named)));
        Pods.UnionWith(Replaced(before.Revisions, after.Revisions));
        ReachRoutes =
            !ReferenceEquals(before.Services, after.Services)
            || !ReferenceEquals(before.Shifts, after.Shifts)
            || KindsThat(PolicyEffects.Routes).Any(kind => !ReferenceEquals(before.Policies[kind], after.Policies[kind]));
        Pods.UnionWith(FindSelected(before.Policies, after.Policies, selections));
        PodAddresses = new[] { before.Pods, after.Pods }
            .SelectMany(pods => Pods.Select(pod => pods.GetValueOrDefault(pod)))
            .OfType<PodRecord>()
            .SelectMany(pod => pod.Addresses)
            .ToHashSet(StringComparer.Ordinal);
        _nodes = Replaced(before.Nodes, after.Nodes).Select(node => node.Name).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>Whether something was replaced on which all endpoints depend, and so all workloads.</summary>
    public bool AllEndpoints { get; }

    /// <summary>Whether something was replaced on which routes depend, but for what stands behind services.</summary>
    public bool ReachRoutes { get; }

    /// <summary>Whether something was replaced on which all workloads depend.</summary>
    public bool AllWorkloads { get; }

    /// <summary>The pods of which something was replaced, added or removed, or of the policies that select them.</summary>
    public HashSet<ObjectName> Pods { get; }

    /// <summary>The addresses that those pods had or have.</summary>
    public HashSet<string> PodAddresses { get; }

    /// <summary>Whether something was replaced on which the endpoints of a namespace's services depend.</summary>
    public bool ReachEndpointsIn(string ns) => AllEndpoints || _ofEndpoints.Contains(ns);

    /// <summary>Whether something was replaced on which depends what the pods of a namespace's services do.</summary>
    public bool ReachWorkloadsIn(string ns) => _ofWorkloads.Contains(ns);

    /// <summary>The pods on nodes that were replaced.</summary>
    public IEnumerable<ObjectName> PodsOfNodes(ClusterSnapshot snapshot) =>
        _nodes.Count == 0 ? [] : snapshot.Pods.Where(pod => pod.Value.Node is { } node && _nodes.Contains(node)).Select(pod => pod.Key);

    /// <summary>The pods on which something depends that was replaced for their whole namespace.</summary>
    public IEnumerable<ObjectName> PodsOfNamespaces(ClusterSnapshot snapshot) =>
        _ofWorkloads.Count == 0 ? [] : snapshot.Pods.Keys.Where(pod => _ofWorkloads.Contains(pod.Namespace));

    private static IEnumerable<PolicyKind> KindsThat(PolicyEffects affect) => PolicyKinds.All.Where(kind => kind.Affects.HasFlag(affect));

    /// <summary>The namespaces for the whole of which a policy of another content has an effect.</summary>
    private static HashSet<string> NamespacesOfChanged(PolicyEffects affect, PolicySet before, PolicySet after) =>
        Namespaces(
            KindsThat(affect)
                .SelectMany(kind =>
                    Replaced(before[kind], after[kind])
                        .Where(name =>
                            !IsForSelected(before[kind].GetValueOrDefault(name)) || !IsForSelected(after[kind].GetValueOrDefault(name))
                        )
                )
        );

    /// <summary>The pods that a replaced policy selects, or selected before.</summary>
    private static IEnumerable<ObjectName> FindSelected(PolicySet before, PolicySet after, PodSelections selections) =>
        from kind in KindsThat(PolicyEffects.Workloads)
        from name in Replaced(before[kind], after[kind])
        from record in new[] { before[kind].GetValueOrDefault(name), after[kind].GetValueOrDefault(name) }
        where ReadSelector(record) is not null
        from pod in selections.Find(name.Namespace, ReadSelector(record)!)
        select pod;

    /// <summary>Whether a policy has an effect on the pods that it selects and on no others; also when there is none.</summary>
    private static bool IsForSelected(PolicyRecord? policy) => policy is not { HasSpec: true } || ReadSelector(policy) is not null;

    private static PodLabelSelector? ReadSelector(PolicyRecord? policy) =>
        policy switch
        {
            PolicyRecord<MtlsPolicySpec> mtls => mtls.Spec?.Selector,
            PolicyRecord<RateLimitSpec> { Spec.TargetRefs: null } limit => limit.Spec.Selector,
            _ => null,
        };

    private static HashSet<string> Namespaces(IEnumerable<ObjectName> names) =>
        names.Select(name => name.Namespace).ToHashSet(StringComparer.Ordinal);

    private static HashSet<ObjectName> Replaced<T>(ImmutableDictionary<ObjectName, T> before, ImmutableDictionary<ObjectName, T> after)
        where T : class
    {
        var names = new HashSet<ObjectName>();
        if (ReferenceEquals(before, after))
            return names;
        var kept = 0;
        foreach (var (name, record) in after)
        {
            if (before.TryGetValue(name, out var old))
            {
                kept++;
                if (ReferenceEquals(old, record))
                    continue;
            }

            names.Add(name);
        }

        if (kept < before.Count)
            names.UnionWith(before.Keys.Where(name => !after.ContainsKey(name)));
        return names;
    }
}
