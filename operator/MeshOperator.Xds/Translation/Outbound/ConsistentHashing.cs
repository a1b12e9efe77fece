using System.Collections.Frozen;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>Which clusters choose endpoints by a hash.</summary>
internal static class ConsistentHashing
{
    /// <summary>The clusters of which some route keeps clients at one endpoint.</summary>
    /// <param name="ports">All service ports.</param>
    /// <param name="isHashed">Whether a route's requests are kept at one endpoint of each of its backends.</param>
    public static FrozenSet<string> FindClusters(IEnumerable<MeshServicePort> ports, Func<HttpRoute, bool> isHashed) =>
        ports
            .SelectMany(port => port.Routes)
            .Where(isHashed)
            .SelectMany(route => route.Backends)
            .Where(backend => backend.Target is not null)
            .Select(backend => Names.Outbound(backend.Target!))
            .ToFrozenSet(StringComparer.Ordinal);
}
