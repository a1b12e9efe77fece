using System.Collections.Frozen;
using Envoy.Config.Endpoint.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>The endpoints of a service port whose proxies are sent them by where they run: each in its own order, by kube-proxy's rules for
/// hints, or only those on its node; or by the part of the callers that they are in. There is one copy for each zone, node and part that
/// has endpoints of its own, made when a proxy is there; the others share one. Not thread-safe.</summary>
internal sealed class PlacedEndpoints
{
    private readonly MeshServicePort _port;
    private readonly IReadOnlyList<string> _clusters;
    private readonly IReadOnlyList<MeshEndpoint> _usable;
    private readonly FrozenSet<string> _nodes;
    private readonly FrozenSet<string> _zones;
    private readonly Dictionary<ProxyPlace, IReadOnlyList<XdsResource>> _made = [];
    private readonly Dictionary<ProxyPlace, IReadOnlyList<XdsResource>> _before;
    private readonly IReadOnlyList<XdsResource> _known;

    private PlacedEndpoints(
        MeshServicePort port,
        IReadOnlyList<string> clusters,
        Dictionary<ProxyPlace, IReadOnlyList<XdsResource>> before,
        IReadOnlyList<XdsResource> known
    )
    {
        _port = port;
        _clusters = clusters;
        _before = before;
        _known = known;
        _usable = IsInParts(port) ? EndpointParts.Order(port.Endpoints.Where(endpoint => !endpoint.IsDraining)) : port.Endpoints;
        _nodes = port.Endpoints.SelectMany(endpoint => endpoint.Nodes).ToFrozenSet(StringComparer.Ordinal);
        _zones = port.StaysOnNode ? [] : port.Endpoints.SelectMany(endpoint => endpoint.Zones).ToFrozenSet(StringComparer.Ordinal);
    }

    /// <summary>The nodes with a copy of their own.</summary>
    public IReadOnlySet<string> Nodes => _nodes;

    /// <summary>The zones with a copy of their own.</summary>
    public IReadOnlySet<string> Zones => _zones;

    /// <summary>Whether each part of the callers has endpoints of its own.</summary>
    public bool HasParts => IsInParts(_port);

    /// <summary>Those of a port; null when it does not matter where a proxy runs.</summary>
    /// <param name="port">The port.</param>
    /// <param name="clusters">The names of its clusters that have these endpoints.</param>
    /// <param name="previous">What was made before, of which that is reused whose content is the same.</param>
    public static PlacedEndpoints? Create(MeshServicePort port, IReadOnlyList<string> clusters, ServicePortResources? previous) =>
        port.StaysOnNode || port.Endpoints.Any(endpoint => endpoint.Nodes.Count > 0 || endpoint.Zones.Count > 0) || IsInParts(port)
            ? new PlacedEndpoints(port, clusters, previous?.Placed?._made ?? [], previous?.Endpoints ?? [])
            : null;

    /// <summary>What a proxy is sent that runs somewhere.</summary>
    public IReadOnlyList<XdsResource> ForPlace(ProxyPlace place)
    {
        var own = place.Narrow(_nodes, _zones, HasParts);
        if (!_made.TryGetValue(own, out var made))
        {
            var before = _before.GetValueOrDefault(own, _known);
            _made.Add(
                own,
                made = [.. _clusters.Select(name => Create(name, Assign(name, own), before.FirstOrDefault(known => known.Name == name)))]
            );
        }

        return made;
    }

    private ClusterLoadAssignment Assign(string cluster, ProxyPlace place)
    {
        if (_port.StaysOnNode)
            return EndpointBuilder.Endpoints(_port.Endpoints.Where(endpoint => IsOnNode(endpoint, place)), cluster);
        var own = ChoosePart(place).ToList();
        int[] ranks = [.. own.Select(endpoint => Rank(endpoint, place)).Distinct().Order()];
        return EndpointBuilder.Endpoints(own, cluster, endpoint => Array.IndexOf(ranks, Rank(endpoint, place)));
    }

    /// <summary>Of endpoints that are alike for a place, those of its part of the callers.</summary>
    private IEnumerable<MeshEndpoint> ChoosePart(ProxyPlace place) =>
        place.Part is { } part && _port.Balancing.EndpointsPerCaller is { } size
            ? _usable.GroupBy(endpoint => Rank(endpoint, place)).SelectMany(alike => EndpointParts.Choose([.. alike], size, part))
            : _usable;

    private static bool IsInParts(MeshServicePort port) =>
        port is { StaysOnNode: false, Balancing.EndpointsPerCaller: { } size } && EndpointParts.AreNeeded(port.Endpoints.Count, size);

    /// <summary>First those for the node, then those for the zone. Where there is none for either, all are alike.</summary>
    private static int Rank(MeshEndpoint endpoint, ProxyPlace place) =>
        IsOnNode(endpoint, place) ? 0
        : place.Zone is { } zone && endpoint.Zones.Contains(zone) ? 1
        : 2;

    private static bool IsOnNode(MeshEndpoint endpoint, ProxyPlace place) => place.Node is { } node && endpoint.Nodes.Contains(node);

    private static XdsResource Create(string name, Google.Protobuf.IMessage message, XdsResource? previous) =>
        XdsResource.Create(ResourceType.Endpoints, name, message, previous);
}
