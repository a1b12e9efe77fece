using Envoy.Config.Listener.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation.Outbound;
using MeshOperator.Xds.Translation.Shared;
using Manager = Envoy.Extensions.Filters.Network.HttpConnectionManager.V3.HttpConnectionManager;

namespace MeshOperator.Xds.Translation.Proxyless;

/// <summary>What one service port becomes for proxyless gRPC. It is sent all endpoints wherever the client is: of a library that is not
/// known.</summary>
internal sealed record ProxylessPort
{
    public required ServicePortResources Source { get; init; }

    public required bool ConsistentHashing { get; init; }

    public required XdsResource Cluster { get; init; }

    /// <summary>The clusters of gradual shifts.</summary>
    public required IReadOnlyList<XdsResource> Shifts { get; init; }

    /// <summary>The endpoints of all clusters.</summary>
    public required IReadOnlyList<XdsResource> Endpoints { get; init; }

    /// <summary>Null for TCP, and so is <see cref="Route"/>.</summary>
    public required XdsResource? Listener { get; init; }

    public required XdsResource? Route { get; init; }

    /// <summary>As <see cref="ServicePortResources.Create"/>.</summary>
    public static ProxylessPort Create(ServicePortResources source, bool consistentHashing, ProxylessPort? previous)
    {
        if (previous is not null && previous.ConsistentHashing == consistentHashing && ReferenceEquals(previous.Source, source))
            return previous;

        var port = source.Source;
        var name = Names.Outbound(port.Service, port.Port);
        var isHttp = port.Protocol is not PortProtocol.Tcp;
        return new ProxylessPort
        {
            Source = source,
            ConsistentHashing = consistentHashing,
            Cluster = XdsResource.Create(ResourceType.Cluster, name, ClusterBuilder.Proxyless(port, consistentHashing), previous?.Cluster),
            Shifts =
            [
                .. port
                    .Shifts.Select(shift => ClusterBuilder.ProxylessShift(port, shift, consistentHashing))
                    .Select(cluster => XdsResource.Create(ResourceType.Cluster, cluster.Name, cluster, previous?.FindShift(cluster.Name))),
            ],
            Endpoints =
            [
                .. port
                    .Shifts.Select(shift => Names.Shift(new BackendTarget(port.Service, port.Port), shift))
                    .Prepend(name)
                    .Select(cluster =>
                        XdsResource.Create(
                            ResourceType.Endpoints,
                            cluster,
                            EndpointBuilder.Endpoints(port.Endpoints, cluster),
                            previous?.FindEndpoints(cluster)
                        )
                    ),
            ],
            Listener = isHttp ? CreateListener(port, name, previous?.Listener) : null,
            Route = isHttp ? XdsResource.Create(ResourceType.Route, name, ProxylessRoutes.Configuration(port), previous?.Route) : null,
        };
    }

    private XdsResource? FindEndpoints(string name) => Endpoints.FirstOrDefault(endpoints => endpoints.Name == name);

    private XdsResource? FindShift(string name) => Shifts.FirstOrDefault(shift => shift.Name == name);

    private static XdsResource CreateListener(MeshServicePort port, string routeName, XdsResource? previous)
    {
        var manager = new Manager
        {
            StatPrefix = Names.OutboundStat(port.Service, port.Port),
            Rds = new Rds { ConfigSource = EnvoyMessages.Ads, RouteConfigName = routeName },
        };
        manager.HttpFilters.AddRange(EnvoyMessages.HttpFilters());
        var listener = new Listener
        {
            Name = Names.Proxyless(port.Service, port.Port),
            ApiListener = new ApiListener { ApiListener_ = EnvoyMessages.Pack(manager) },
        };
        return XdsResource.Create(ResourceType.Listener, listener.Name, listener, previous);
    }
}
