using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Translation.Routing;

/// <summary>Makes the pools of routes that keep clients at one endpoint and have several backends. A backend without endpoints has no part
/// in them: its clients are kept elsewhere meanwhile, rather than refused at random.</summary>
internal static class StickyPools
{
    private const int TotalWeight = 1_000_000;

    /// <summary>The port with the pools of its routes.</summary>
    /// <param name="port">The port.</param>
    /// <param name="ports">All ports, with their endpoints.</param>
    public static MeshServicePort Add(MeshServicePort port, IReadOnlyDictionary<BackendTarget, MeshServicePort> ports)
    {
        if (!port.Routes.Any(r => r.Sticky is not null))
            return port;
        var names = new Dictionary<ValueList<WeightedBackend>, string>();
        var pools = new List<StickyPool>();
        var routes = new List<HttpRoute>();
        foreach (var route in port.Routes)
        {
            if (route.Sticky is null || !NeedsPool(port, route, ports))
            {
                routes.Add(route);
                continue;
            }

            if (!names.TryGetValue(route.Backends, out var name))
            {
                names.Add(route.Backends, name = route.Name);
                pools.Add(new StickyPool(name, Members(route, ports)));
            }

            routes.Add(route with { Pool = name });
        }

        return port with
        {
            Routes = routes.ToValueList(),
            Pools = pools.ToValueList(),
        };
    }

    /// <summary>The backends between which a route chooses.</summary>
    public static List<BackendTarget> Targets(HttpRoute route) => [.. Present(route).Select(b => b.Target!).Distinct()];

    /// <summary>Whether a backend can be spoken to in the protocol of the port that is called. HTTP is passed on in the client's version,
    /// whether it was declared or recognised; what is declared as HTTP/2 is always spoken to in that.</summary>
    public static bool Fits(PortProtocol port, PortProtocol backend) =>
        (port, backend) switch
        {
            (PortProtocol.Http or PortProtocol.Detect, PortProtocol.Http or PortProtocol.Detect) => true,
            (PortProtocol.Http2 or PortProtocol.Grpc, PortProtocol.Http2 or PortProtocol.Grpc) => true,
            _ => port == backend,
        };

    /// <summary>One set of endpoints is spoken to in one protocol, and is the same for all clients. Of a gradual shift the requests to each
    /// backend are counted, so it has no pool.</summary>
    private static bool NeedsPool(MeshServicePort port, HttpRoute route, IReadOnlyDictionary<BackendTarget, MeshServicePort> ports)
    {
        var targets = Targets(route);
        return route.Shift is null
            && targets.Count > 1
            && targets.TrueForAll(t => Fits(port.Protocol, ports[t].Protocol) && !ports[t].StaysOnNode);
    }

    private static ValueList<PoolMember> Members(HttpRoute route, IReadOnlyDictionary<BackendTarget, MeshServicePort> ports)
    {
        var backends = Present(route)
            .Select(b => (b.Weight, Endpoints: ports[b.Target!].Endpoints.Where(e => !e.IsDraining).ToList()))
            .Where(b => b.Endpoints.Count > 0)
            .ToList();
        var sum = backends.Sum(b => (long)b.Weight);
        return backends
            .SelectMany(b => b.Endpoints.Select(e => (Endpoint: e, Share: (double)b.Weight / sum / b.Endpoints.Count)))
            // A root service whose selector covers a backend's pods has them too.
            .GroupBy(m => (m.Endpoint.Address, m.Endpoint.Port))
            .Select(same => new PoolMember(same.First().Endpoint, Math.Max(1, (int)Math.Round(same.Sum(m => m.Share) * TotalWeight))))
            .OrderBy(m => m.Endpoint.Address, StringComparer.Ordinal)
            .ThenBy(m => m.Endpoint.Port)
            .ToValueList();
    }

    private static IEnumerable<WeightedBackend> Present(HttpRoute route) =>
        route.Backends.Where(b => b is { Target: not null, Weight: > 0 });
}
