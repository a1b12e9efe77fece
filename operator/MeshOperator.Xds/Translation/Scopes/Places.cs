using System.Collections.Frozen;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation.Outbound;

namespace MeshOperator.Xds.Translation.Scopes;

/// <summary>Where proxies run, as far as it matters: mostly it does not, and all are sent the same endpoints.</summary>
internal sealed class Places
{
    private readonly IReadOnlyList<PlacedEndpoints> _ports;
    private readonly FrozenSet<string> _nodes;
    private readonly FrozenSet<string> _zones;
    private readonly bool _haveParts;

    public Places(IEnumerable<ServicePortResources> ports)
    {
        _ports = [.. ports.Select(port => port.Placed).OfType<PlacedEndpoints>()];
        _nodes = _ports.SelectMany(port => port.Nodes).ToFrozenSet(StringComparer.Ordinal);
        _zones = _ports.SelectMany(port => port.Zones).ToFrozenSet(StringComparer.Ordinal);
        _haveParts = _ports.Any(port => port.HasParts);
    }

    /// <summary>Whether it matters nowhere.</summary>
    public bool AreAlike => _ports.Count == 0;

    /// <summary>What of a place matters; null when nothing does.</summary>
    public ProxyPlace? Find(ProxyPlace place)
    {
        var found = place.Narrow(_nodes, _zones, _haveParts);
        return found == ProxyPlace.Unknown ? null : found;
    }

    /// <summary>The endpoints as a proxy is sent them that runs somewhere.</summary>
    /// <param name="endpoints">Those of which it is not known where they run.</param>
    /// <param name="place">The place.</param>
    /// <param name="previous">What was sent there before.</param>
    public ResourceSet Place(ResourceSet endpoints, ProxyPlace place, ResourceSet? previous) =>
        endpoints.With(_ports.SelectMany(port => port.ForPlace(place)), previous);
}
