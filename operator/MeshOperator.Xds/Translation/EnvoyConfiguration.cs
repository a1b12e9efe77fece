using System.Collections.Frozen;
using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation.Outbound;
using MeshOperator.Xds.Translation.Proxyless;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation;

/// <summary>A workload's own part of the configuration.</summary>
/// <param name="Workload">Its name.</param>
/// <param name="Identity">Its SPIFFE identity.</param>
/// <param name="Own">Its inbound resources.</param>
/// <param name="Scope">What decides which of the shared resources it is sent; null means all.</param>
/// <param name="Scoped">What it is sent of the mesh by its scope, by <see cref="ResourceType"/>; null without one.</param>
/// <param name="Members">The endpoints with which it shares rate limits.</param>
internal sealed record NodeEntry(
    WorkloadName Workload,
    string Identity,
    ProxyResources Own,
    ProxyScope? Scope,
    IReadOnlyList<ResourceSet>? Scoped,
    ResourceSet Members
);

/// <summary>All Envoy resources of a mesh, immutable. Made by <see cref="EnvoyTranslator"/>, served by
/// <see cref="Cache.SnapshotCache"/>.</summary>
public sealed class EnvoyConfiguration
{
    internal EnvoyConfiguration() { }

    /// <summary>The configuration before the first translation: nothing may be served from it.</summary>
    internal static EnvoyConfiguration Empty { get; } = new();

    /// <summary>The trust domain of the model.</summary>
    public string TrustDomain { get; internal init; } = "";

    /// <summary>The domain of the cluster's names.</summary>
    internal string ClusterDomain { get; init; } = "";

    /// <summary>The other names of services.</summary>
    internal ImmutableSortedDictionary<ServiceName, ServiceName> Aliases { get; init; } =
        ImmutableSortedDictionary<ServiceName, ServiceName>.Empty;

    internal IReadOnlyDictionary<string, ServicePortResources> ServicePorts { get; init; } =
        FrozenDictionary<string, ServicePortResources>.Empty;

    /// <summary>All that is not one proxy's own, by <see cref="ResourceType"/>.</summary>
    internal IReadOnlyList<ResourceSet> Shared { get; init; } = [.. Enumerable.Repeat(ResourceSet.Empty, ResourceTypes.Count)];

    /// <summary>What is sent in place of <see cref="Shared"/> to proxies that are sent only some services, or are explicit
    /// ones.</summary>
    internal IReadOnlyDictionary<ProxyScope, IReadOnlyList<ResourceSet>> Scopes { get; init; } =
        FrozenDictionary<ProxyScope, IReadOnlyList<ResourceSet>>.Empty;

    /// <summary>What is sent instead to clients that are gRPC libraries.</summary>
    internal LazyProxylessConfiguration Proxyless { get; init; } = new(FrozenDictionary<string, ServicePortResources>.Empty, null);

    /// <summary>The workloads of which <see cref="Nodes"/> was made.</summary>
    internal ImmutableDictionary<WorkloadName, MeshWorkload> Workloads { get; init; } =
        ImmutableDictionary<WorkloadName, MeshWorkload>.Empty;

    internal NodeTable NodeTable { get; init; } = NodeTable.Empty;

    internal IReadOnlyDictionary<InboundProfile, ProxyResources> Profiles => NodeTable.Profiles;

    internal IReadOnlyDictionary<WorkloadName, NodeEntry> Nodes => NodeTable.Nodes;

    /// <summary>The shared resources that carry a policy's effect. The inbound listener is not among them; see
    /// <see cref="InboundProfile.Policies"/> of the proxy's own resources.</summary>
    internal IReadOnlyDictionary<PolicyKey, IReadOnlyList<(ResourceType Type, string Name)>> Policies { get; init; } =
        FrozenDictionary<PolicyKey, IReadOnlyList<(ResourceType Type, string Name)>>.Empty;

    /// <summary>The policies that some workload's inbound resources carry.</summary>
    internal IReadOnlySet<PolicyKey> InboundPolicies { get; init; } = FrozenSet<PolicyKey>.Empty;

    /// <summary>What of <see cref="Shared"/> a proxy is sent; of one that is no known workload, all.</summary>
    internal IReadOnlyList<ResourceSet> FindShared(WorkloadName? workload) =>
        workload is { } name && Nodes.TryGetValue(name, out var node) ? FindShared(node) : Shared;

    /// <summary>What of <see cref="Shared"/> the proxy of <paramref name="node"/> is sent, which may be of an earlier configuration: a pod
    /// that is going still has calls to make.</summary>
    internal IReadOnlyList<ResourceSet> FindShared(NodeEntry? node) =>
        node?.Scope is not { } scope ? Shared
        : Scopes.TryGetValue(scope, out var sets) ? sets
        : node.Scoped ?? Shared;

    /// <summary>How many shared resources there are of a type; for logs and diagnostics.</summary>
    public int Count(ResourceType type) => Shared[(int)type].Count;
}
