using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Xds.Registry;

/// <summary>A proxy that ought to be connected and is not.</summary>
/// <param name="Workload">Its pod.</param>
/// <param name="Since">Since when it is missed.</param>
/// <param name="HoldsUntil">Until when policies wait for it; null while there is no end to that.</param>
public sealed record ExpectedProxy(WorkloadName Workload, DateTimeOffset Since, DateTimeOffset? HoldsUntil)
{
    /// <summary>Whether policies wait for it.</summary>
    public bool Holds(DateTimeOffset now) => HoldsUntil is not { } until || now < until;
}

/// <summary>The proxies that are not connected to this replica: those that ought to be connected and are not, and those of other replicas.
/// By what they would be sent, as there are thousands of them and few kinds.</summary>
/// <param name="all">The proxies that are connected nowhere.</param>
/// <param name="connections">The <see cref="ProxyRegistry.Connections"/> at which they were not connected.</param>
/// <param name="remote">Those of other replicas; null for none.</param>
public sealed class ExpectedProxies(IReadOnlyList<ExpectedProxy> all, long connections, RemoteProxies? remote = null)
{
    private (EnvoyConfiguration Configuration, List<Group> Groups)? _grouped;

    /// <summary>Nobody is missed.</summary>
    public static ExpectedProxies None { get; } = new([], 0);

    /// <summary>The proxies that are connected nowhere.</summary>
    public IReadOnlyList<ExpectedProxy> All => all;

    /// <summary>The <see cref="ProxyRegistry.Connections"/> at which they were not connected.</summary>
    public long Connections => connections;

    /// <summary>Those of other replicas.</summary>
    public RemoteProxies Remote { get; } = remote ?? RemoteProxies.None;

    /// <summary>The proxies by what they are sent.</summary>
    /// <param name="configuration">What is served.</param>
    /// <param name="connectedHere">Since when a proxy is connected to this replica; null when it is not.</param>
    internal IReadOnlyList<Group> In(EnvoyConfiguration configuration, Func<string, DateTimeOffset?> connectedHere)
    {
        lock (all)
        {
            if (_grouped is { } known && ReferenceEquals(known.Configuration, configuration))
                return known.Groups;
            var missing = all.Where(proxy => configuration.Nodes.ContainsKey(proxy.Workload))
                .Select(proxy =>
                    (configuration.Nodes[proxy.Workload], new Member(proxy.Workload.NodeId, Find(proxy.Workload.NodeId), proxy))
                );
            var groups = missing
                .Concat(Elsewhere(configuration, connectedHere))
                .GroupBy(pair => (Shared: configuration.SharedOf(pair.Item1), pair.Item1.Own), pair => pair.Item2)
                .Select(group => new Group(group.Key.Shared, group.Key.Own, [.. group]))
                .ToList();
            _grouped = (configuration, groups);
            return groups;
        }
    }

    private RemoteReplica? Find(string nodeId) => Remote.Departed.GetValueOrDefault(nodeId);

    private IEnumerable<(NodeEntry, Member)> Elsewhere(EnvoyConfiguration configuration, Func<string, DateTimeOffset?> connectedHere)
    {
        foreach (var (nodeId, (replica, _)) in Remote.Connected)
        {
            if (
                WorkloadName.TryParseNodeId(nodeId, out var workload)
                && configuration.Nodes.TryGetValue(workload, out var node)
                && Remote.IsElsewhere(nodeId, connectedHere(nodeId))
            )
            {
                yield return (node, new Member(nodeId, replica, null));
            }
        }
    }

    /// <summary>Proxies that are sent the same.</summary>
    internal sealed record Group(IReadOnlyList<ResourceSet> Shared, ProxyResources Own, IReadOnlyList<Member> Members);

    /// <summary>One proxy.</summary>
    /// <param name="NodeId">Its node id.</param>
    /// <param name="Replica">The replica that it is connected to, or was a moment ago; null when it has been nowhere for long.</param>
    /// <param name="Missing">Since when it is connected nowhere; null when it is connected.</param>
    internal sealed record Member(string NodeId, RemoteReplica? Replica, ExpectedProxy? Missing);
}
