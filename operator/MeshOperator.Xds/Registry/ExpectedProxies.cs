using MeshOperator.Mesh.Model;
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
    private ProxyGroups? _groups;
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
    internal IReadOnlyCollection<ProxyGroup> In(EnvoyConfiguration configuration, Func<string, DateTimeOffset?> connectedHere)
    {
        lock (all)
        {
            var table = configuration.NodeTable;
            _groups = _groups?.Follow(table) ?? ProxyGroups.Create(table, FindMissing(), FindElsewhere(connectedHere));
            return _groups.All;
        }
    }

    /// <summary>The policies with which proxies may be further in <paramref name="after"/>, or others; null when that may be all.</summary>
    internal IReadOnlySet<PolicyKey>? FindChanged(ExpectedProxies after, EnvoyConfiguration configuration)
    {
        if (!All.SequenceEqual(after.All) || Remote.FindChanged(after.Remote) is not var (policies, nodes))
            return null;
        foreach (var node in nodes)
        {
            if (WorkloadName.TryParseNodeId(node, out var workload) && configuration.Nodes.TryGetValue(workload, out var entry))
                policies.UnionWith(entry.Own.Profile.Policies);
        }

        return policies;
    }

    private IEnumerable<ExpectedProxy> FindMissing() =>
        Remote.Departed.Count == 0 ? all : all.Where(p => Remote.FindDeparted(p.Workload) is null);

    private IEnumerable<RemoteProxy> FindElsewhere(Func<string, DateTimeOffset?> connectedHere)
    {
        foreach (var proxy in all)
        {
            if (Remote.FindDeparted(proxy.Workload) is { } replica)
                yield return new RemoteProxy(proxy.Workload, replica, proxy);
        }

        foreach (var (nodeId, (replica, _)) in Remote.Connected)
        {
            if (WorkloadName.TryParseNodeId(nodeId, out var workload) && Remote.IsElsewhere(nodeId, connectedHere(nodeId)))
                yield return new RemoteProxy(workload, replica, null);
        }
    }
}
