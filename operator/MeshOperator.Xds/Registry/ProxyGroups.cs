using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Registry;

/// <summary>Proxies that are not connected to this replica, put together by what they are sent: there are thousands of them, and few kinds.
/// A change moves only those that it concerns. Immutable.</summary>
internal sealed class ProxyGroups
{
    private readonly NodeTable _table;
    private readonly Dictionary<GroupKey, ProxyGroup> _groups;

    private ProxyGroups(NodeTable table, Dictionary<GroupKey, ProxyGroup> groups) => (_table, _groups) = (table, groups);

    /// <summary>The groups.</summary>
    public IReadOnlyCollection<ProxyGroup> All => _groups.Values;

    /// <summary>Puts together those of which the table has the workload.</summary>
    /// <param name="table">What workloads are sent.</param>
    /// <param name="missing">Those that are connected nowhere, and have not been for long.</param>
    /// <param name="elsewhere">Those that are connected to another replica, or were a moment ago.</param>
    public static ProxyGroups Create(NodeTable table, IEnumerable<ExpectedProxy> missing, IEnumerable<RemoteProxy> elsewhere)
    {
        var groups = new Dictionary<GroupKey, ProxyGroup>();
        foreach (var proxy in missing)
            Find(groups, table, proxy.Workload)?.Missing.Add(proxy);
        foreach (var proxy in elsewhere)
            Find(groups, table, proxy.Workload)?.Elsewhere.Add(proxy);
        return new ProxyGroups(table, groups);
    }

    /// <summary>The same proxies by what they are sent by another table; null when what it replaced is not known.</summary>
    public ProxyGroups? Follow(NodeTable table)
    {
        if (ReferenceEquals(table, _table))
            return this;
        if (table.FindReplaced(_table) is not { } replaced)
            return null;
        var moved = replaced.Where(name => GroupKey.For(_table.Nodes[name]) != GroupKey.For(table.Nodes[name])).ToHashSet();
        var groups = new Dictionary<GroupKey, ProxyGroup>(_groups);
        var (missing, elsewhere) = (new List<ExpectedProxy>(), new List<RemoteProxy>());
        foreach (var key in moved.Select(name => GroupKey.For(_table.Nodes[name])).Where(groups.ContainsKey).ToHashSet())
        {
            var group = groups[key];
            missing.AddRange(group.Missing.Where(proxy => moved.Contains(proxy.Workload)));
            elsewhere.AddRange(group.Elsewhere.Where(proxy => moved.Contains(proxy.Workload)));
            groups[key] = group with
            {
                Missing = [.. group.Missing.Where(proxy => !moved.Contains(proxy.Workload))],
                Elsewhere = [.. group.Elsewhere.Where(proxy => !moved.Contains(proxy.Workload))],
            };
            if (groups[key].IsEmpty)
                groups.Remove(key);
        }

        foreach (var (key, more) in Create(table, missing, elsewhere)._groups)
        {
            groups[key] = groups.TryGetValue(key, out var there)
                ? more with
                {
                    Missing = [.. there.Missing, .. more.Missing],
                    Elsewhere = [.. there.Elsewhere, .. more.Elsewhere],
                }
                : more;
        }

        return new ProxyGroups(table, groups);
    }

    private static ProxyGroup? Find(Dictionary<GroupKey, ProxyGroup> groups, NodeTable table, WorkloadName workload)
    {
        if (!table.Nodes.TryGetValue(workload, out var node))
            return null;
        var key = GroupKey.For(node);
        if (!groups.TryGetValue(key, out var group))
            groups.Add(key, group = new ProxyGroup(node, [], []));
        return group;
    }

    /// <summary>What proxies are sent.</summary>
    private readonly record struct GroupKey(ProxyScope? Scope, IReadOnlyList<ResourceSet>? Scoped, ProxyResources Own)
    {
        public static GroupKey For(NodeEntry node) => new(node.Scope, node.Scoped, node.Own);
    }
}

/// <summary>Proxies that are sent the same.</summary>
/// <param name="Node">What one of them is sent.</param>
/// <param name="Missing">Those that are connected nowhere, and have not been for long.</param>
/// <param name="Elsewhere">Those that are connected to another replica, or were a moment ago.</param>
internal sealed record ProxyGroup(NodeEntry Node, List<ExpectedProxy> Missing, List<RemoteProxy> Elsewhere)
{
    public bool IsEmpty => Missing.Count == 0 && Elsewhere.Count == 0;
}

/// <summary>A proxy of another replica.</summary>
/// <param name="Workload">Its pod.</param>
/// <param name="Replica">The replica that it is connected to, or was a moment ago.</param>
/// <param name="Missing">Since when it is connected nowhere; null when it is connected.</param>
internal sealed record RemoteProxy(WorkloadName Workload, RemoteReplica Replica, ExpectedProxy? Missing);
