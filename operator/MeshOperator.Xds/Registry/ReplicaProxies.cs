using System.Collections.Immutable;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Xds.Registry;

/// <summary>What a replica of the operator has found out about the proxies that are connected to it. Another replica that serves the same
/// can tell from it how far each policy has got.</summary>
/// <param name="Proxies">The Envoys, by node id.</param>
/// <param name="Policies">The policies that some resource carries.</param>
public sealed record ReplicaProxies(
    ImmutableDictionary<string, ReportedProxy> Proxies,
    ImmutableDictionary<PolicyKey, ReportedPolicy> Policies
)
{
    /// <summary>Of a replica to which nobody is connected.</summary>
    public static ReplicaProxies None { get; } =
        new(ImmutableDictionary<string, ReportedProxy>.Empty, ImmutableDictionary<PolicyKey, ReportedPolicy>.Empty);
}

/// <summary>An Envoy that is connected to a replica.</summary>
/// <param name="ConnectedAt">Since when, by the replica's clock.</param>
/// <param name="Own">What the replica serves of its own resources, as a number that is the same on all replicas that serve the
/// same.</param>
public sealed record ReportedProxy(DateTimeOffset ConnectedAt, ulong Own);

/// <summary>How far a policy is with the proxies of a replica: the exceptions from all that are sent it having acknowledged it.</summary>
/// <param name="Shared">What the replica serves of the shared resources that carry the policy, as a number.</param>
/// <param name="Behind">The node ids of those that have not acknowledged it.</param>
/// <param name="Rejected">Those that rejected it.</param>
/// <param name="Unused">The node ids of those that are sent it and do not use it.</param>
/// <param name="Libraries">The node ids of gRPC libraries that use it; they may be among <paramref name="Behind"/> and
/// <paramref name="Rejected"/> too.</param>
public sealed record ReportedPolicy(
    ulong Shared,
    ValueList<string> Behind,
    ValueList<ProxyRejection> Rejected,
    ValueList<string> Unused,
    ValueList<string> Libraries
)
{
    /// <summary>The generation of the policy that the replica has translated.</summary>
    public long Generation { get; init; }

    /// <summary>Whether all that use it have acknowledged it.</summary>
    internal bool IsSettled => Behind.Count == 0 && Rejected.Count == 0;
}
