using System.Collections.Concurrent;

namespace MeshOperator.Proxy.Routing;

/// <summary>The route configurations that the operator has sent.</summary>
internal sealed class RouteStore
{
    private readonly ConcurrentDictionary<string, RouteTable> _tables = new(StringComparer.Ordinal);

    /// <summary>Takes a route configuration.</summary>
    public void Set(RouteTable table) => _tables[table.Name] = table;

    /// <summary>A route configuration, or null.</summary>
    public RouteTable? Find(string name) => _tables.GetValueOrDefault(name);
}
