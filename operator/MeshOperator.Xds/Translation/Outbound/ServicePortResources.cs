using Google.Protobuf;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation.Shared;
using MeshOperator.Xds.Translation.Telemetry;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>What one service port becomes.</summary>
internal sealed record ServicePortResources
{
    public required MeshServicePort Source { get; init; }

    public required bool ConsistentHashing { get; init; }

    /// <summary>The first is the port's own; the others are those of pools, of gradual shifts, of copies, and of endpoints that clients
    /// choose themselves.</summary>
    public required IReadOnlyList<XdsResource> Clusters { get; init; }

    /// <summary>The first are the port's own; the others are those of gradual shifts, of copies and of pools. They are for proxies of which
    /// it is not known where they run.</summary>
    public required IReadOnlyList<XdsResource> Endpoints { get; init; }

    /// <summary>What of <see cref="Endpoints"/> depends on where a proxy runs; null when all are sent the same.</summary>
    public PlacedEndpoints? Placed { get; init; }

    /// <summary>One for each of its addresses; of a headless service one for each of its endpoints'. An external address does not take
    /// that of anything in the cluster away.</summary>
    public required IReadOnlyList<(string Address, int Port, XdsResource Listener, bool IsExternal)> Listeners { get; init; }

    /// <summary>None for TCP.</summary>
    public required IReadOnlyList<XdsResource> Routes { get; init; }

    /// <summary>What passes on connections of which only bytes are known. None for HTTP.</summary>
    public required IReadOnlyList<XdsResource> Extensions { get; init; }

    /// <summary>The resources of <paramref name="port"/>. <paramref name="previous"/> as a whole when nothing changed; else those of its
    /// resources whose content is still the same.</summary>
    public static ServicePortResources Create(
        MeshServicePort port,
        bool consistentHashing,
        OutboundListenerBuilder listeners,
        ServicePortResources? previous
    )
    {
        if (previous is not null && previous.ConsistentHashing == consistentHashing && previous.Source.Equals(port))
            return previous;

        var byEndpoint = port.IsHeadless ? Direct(port) : [];
        var logs = FirstByteLogs.ForPort(port);
        var (endpoints, placed) = CreateEndpoints(port, previous);
        var routings = port.IsHeadless ? byEndpoint.Select(direct => direct.Routing).Distinct().ToList() : [PortRouting.ForPort(port)];
        return new ServicePortResources
        {
            Source = port,
            ConsistentHashing = consistentHashing,
            Clusters = BuildClusters(port, consistentHashing, listeners.HeaderCase, previous?.Clusters),
            Endpoints = endpoints,
            Placed = placed,
            Listeners = port.IsHeadless
                ?
                [
                    .. byEndpoint.Select(direct =>
                        (
                            direct.Address,
                            direct.Port,
                            Listener(
                                $"{Names.Outbound(port.Service, port.Port)}/{IpFamily.AsHost(direct.Address)}:{direct.Port}",
                                direct.Address,
                                direct.Port,
                                direct.Routing
                            ),
                            false
                        )
                    ),
                ]
                :
                [
                    .. port
                        .Addresses.Concat(port.ExternalAddresses)
                        .Distinct()
                        .Select(
                            (address, i) =>
                                (
                                    address,
                                    port.Port,
                                    Listener(
                                        i == 0 ? routings[0].RouteName : $"{routings[0].RouteName}/{address}",
                                        address,
                                        port.Port,
                                        routings[0]
                                    ),
                                    i >= port.Addresses.Count
                                )
                        ),
                ],
            Routes =
                port.Protocol is PortProtocol.Tcp
                    ? []
                    :
                    [
                        .. routings.Select(routing =>
                            Resource(ResourceType.Route, routing.RouteName, RouteBuilder.Routes(port, routing), previous?.Routes)
                        ),
                    ],
            Extensions = port.Protocol is not (PortProtocol.Tcp or PortProtocol.Detect)
                ? []
                :
                [
                    .. routings.Select(routing =>
                        Resource(ResourceType.Extension, routing.RouteName, listeners.Bytes(port, routing), previous?.Extensions)
                    ),
                ],
        };

        XdsResource Listener(string name, string address, int number, PortRouting routing)
        {
            var before = previous?.Listeners.Select(listener => listener.Listener).FirstOrDefault(listener => listener.Name == name);
            var plain = XdsResource.Create(
                ResourceType.Listener,
                name,
                listeners.ServicePort(name, port, address, number, routing, []),
                before?.ForOlder ?? before
            );
            return logs.Count == 0
                ? plain
                : XdsResource.Create(
                    ResourceType.Listener,
                    name,
                    listeners.ServicePort(name, port, address, number, routing, logs),
                    before,
                    forOlder: plain
                );
        }
    }

    private static List<XdsResource> BuildClusters(
        MeshServicePort port,
        bool consistentHashing,
        HeaderCase headerCase,
        IReadOnlyList<XdsResource>? previous
    )
    {
        var name = Names.Outbound(port.Service, port.Port);
        var clusters = new List<XdsResource>
        {
            Resource(ResourceType.Cluster, name, ClusterBuilder.Outbound(port, consistentHashing, headerCase), previous),
        };
        foreach (var pool in port.Pools)
        {
            var poolName = Names.Pool(port.Service, port.Port, pool.Name);
            clusters.Add(Resource(ResourceType.Cluster, poolName, ClusterBuilder.Pool(port, poolName, pool, headerCase), previous));
        }

        foreach (var shift in port.Shifts)
        {
            var counted = ClusterBuilder.Shift(port, shift, consistentHashing, headerCase);
            clusters.Add(Resource(ResourceType.Cluster, counted.Name, counted, previous));
        }

        if (port.IsMirror)
        {
            var copies = ClusterBuilder.Mirror(port, consistentHashing, headerCase);
            clusters.Add(Resource(ResourceType.Cluster, copies.Name, copies, previous));
        }

        if (!port.IsHeadless)
            return clusters;
        foreach (var mtls in port.Endpoints.Select(endpoint => endpoint.Identity is not null).Distinct())
        {
            var direct = ClusterBuilder.Direct(port, mtls, headerCase);
            clusters.Add(Resource(ResourceType.Cluster, direct.Name, direct, previous));
        }

        return clusters;
    }

    private static (IReadOnlyList<XdsResource> Endpoints, PlacedEndpoints? Placed) CreateEndpoints(
        MeshServicePort port,
        ServicePortResources? previous
    )
    {
        var self = new BackendTarget(port.Service, port.Port);
        List<string> names = [Names.Outbound(self), .. port.Shifts.Select(shift => Names.Shift(self, shift))];
        if (port.IsMirror)
            names.Add(Names.Mirror(self));
        var placed = PlacedEndpoints.Create(port, names, previous);
        var pools = port.Pools.Select(pool =>
        {
            var name = Names.Pool(port.Service, port.Port, pool.Name);
            return Resource(ResourceType.Endpoints, name, EndpointBuilder.Pool(name, pool), previous?.Endpoints);
        });
        return ([.. placed?.ForPlace(ProxyPlace.Unknown) ?? Unplaced(port, names, previous), .. pools], placed);
    }

    private static IEnumerable<XdsResource> Unplaced(MeshServicePort port, List<string> names, ServicePortResources? previous)
    {
        var isSame =
            previous is { Placed: null }
            && previous.Source.Endpoints.Equals(port.Endpoints)
            && ServiceAddress.Find(previous.Source) == ServiceAddress.Find(port);
        return names.Select(
            (name, i) =>
                isSame && i == 0
                    ? previous!.Endpoints[0]
                    : Resource(
                        ResourceType.Endpoints,
                        name,
                        ServiceAddress.Add(port, EndpointBuilder.Endpoints(port.Endpoints, name)),
                        previous?.Endpoints
                    )
        );
    }

    /// <summary>The addresses of the endpoints of a headless service, and where connections to each go.</summary>
    private static List<(string Address, int Port, PortRouting Routing)> Direct(MeshServicePort port)
    {
        var direct = new List<(string, int, PortRouting)>();
        foreach (var endpoint in port.Endpoints)
        {
            var routing = PortRouting.Direct(port, endpoint.Identity is not null);
            direct.Add((endpoint.Address, endpoint.Port, routing));
            if (endpoint.OtherAddress is { } other)
                direct.Add((other, endpoint.Port, routing));
        }

        return direct;
    }

    private static XdsResource Resource(ResourceType type, string name, IMessage message, IEnumerable<XdsResource>? previous) =>
        XdsResource.Create(type, name, message, previous?.FirstOrDefault(resource => resource.Name == name));
}
