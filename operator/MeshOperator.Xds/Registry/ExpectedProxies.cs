using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Shared;

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
    private (NodeTable Nodes, IReadOnlyList<Group> Groups)? _grouped;
    private IReadOnlyList<(DateTimeOffset Since, DateTimeOffset? HoldsUntil)>? _times;

    /// <summary>Nobody is missed.</summary>
    public static ExpectedProxies None { get; } = new([], 0);

    /// <summary>The proxies that are connected nowhere.</summary>
    public IReadOnlyList<ExpectedProxy> All => all;

    /// <summary>Since when proxies are missed and until when policies wait for them, each pair once: most were missed together.</summary>
    public IReadOnlyList<(DateTimeOffset Since, DateTimeOffset? HoldsUntil)> Times =>
        _times ??= [.. all.Select(proxy => (proxy.Since, proxy.HoldsUntil)).Distinct()];

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
            if (_grouped is not { } known || !ReferenceEquals(known.Nodes, configuration.NodeTable))
                _grouped = known = (configuration.NodeTable, Sort(configuration, connectedHere));
            return known.Groups;
        }
    }

    /// <summary>Puts together who is sent the same. There are so many that each list of all of them, made and thrown away, would cost more
    /// than all else that a change does.</summary>
    private IReadOnlyList<Group> Sort(EnvoyConfiguration configuration, Func<string, DateTimeOffset?> connectedHere)
    {
        var groups = new Dictionary<(ProxyScope?, IReadOnlyList<ResourceSet>?, ProxyResources), Group>();
        foreach (var proxy in all)
        {
            if (!configuration.Nodes.TryGetValue(proxy.Workload, out var node))
                continue;
            if (Remote.Departed.Count > 0 && Find(proxy.Workload.NodeId) is { } replica)
                AddGroup(node).Members.Add(new Member(proxy.Workload.NodeId, replica, proxy));
            else
                AddGroup(node).Missing.Add(proxy);
        }

        foreach (var (node, member) in Elsewhere(configuration, connectedHere))
            AddGroup(node).Members.Add(member);
        return [.. groups.Values];

        Group AddGroup(NodeEntry node)
        {
            var key = (node.Scope, node.Scoped, node.Own);
            if (!groups.TryGetValue(key, out var group))
                groups.Add(key, group = new Group(node));
            return group;
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
    /// <param name="Node">One of them.</param>
    internal sealed record Group(NodeEntry Node)
    {
        /// <summary>Those that are connected nowhere, and have not been for long.</summary>
        public List<ExpectedProxy> Missing { get; } = [];

        /// <summary>Those that are connected to another replica, or were a moment ago.</summary>
        public List<Member> Members { get; } = [];
    }

    /// <summary>One proxy.</summary>
    /// <param name="NodeId">Its node id.</param>
    /// <param name="Replica">The replica that it is connected to, or was a moment ago.</param>
    /// <param name="Missing">Since when it is connected nowhere; null when it is connected.</param>
    internal sealed record Member(string NodeId, RemoteReplica Replica, ExpectedProxy? Missing);
}
