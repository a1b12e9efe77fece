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

/// <summary>The proxies that ought to be connected and are not, by what they would be sent. There are thousands right after a restart, and
/// few kinds of them.</summary>
/// <param name="all">The proxies.</param>
/// <param name="connections">The <see cref="ProxyRegistry.Connections"/> at which they were not connected.</param>
public sealed class ExpectedProxies(IReadOnlyList<ExpectedProxy> all, long connections)
{
    private (EnvoyConfiguration Configuration, List<Group> Groups)? _grouped;

    /// <summary>Nobody is missed.</summary>
    public static ExpectedProxies None { get; } = new([], 0);

    /// <summary>The proxies.</summary>
    public IReadOnlyList<ExpectedProxy> All => all;

    /// <summary>The <see cref="ProxyRegistry.Connections"/> at which they were not connected.</summary>
    public long Connections => connections;

    internal IReadOnlyList<Group> In(EnvoyConfiguration configuration)
    {
        lock (all)
        {
            if (_grouped is { } known && ReferenceEquals(known.Configuration, configuration))
                return known.Groups;
            var groups = all.Where(proxy => configuration.Nodes.ContainsKey(proxy.Workload))
                .GroupBy(proxy => (Shared: configuration.SharedOf(proxy.Workload), configuration.Nodes[proxy.Workload].Own))
                .Select(group => new Group(group.Key.Shared, group.Key.Own, [.. group]))
                .ToList();
            _grouped = (configuration, groups);
            return groups;
        }
    }

    internal sealed record Group(IReadOnlyList<ResourceSet> Shared, ProxyResources Own, IReadOnlyList<ExpectedProxy> Proxies);
}
