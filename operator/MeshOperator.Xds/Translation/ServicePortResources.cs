using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Translation;

/// <summary>What one service port becomes.</summary>
internal sealed record ServicePortResources
{
    public required MeshServicePort Source { get; init; }

    public required bool ConsistentHashing { get; init; }

    public required XdsResource Cluster { get; init; }

    public required XdsResource Endpoints { get; init; }

    /// <summary>One for each of its addresses; none for a headless service.</summary>
    public required IReadOnlyList<(string Address, XdsResource Listener)> Listeners { get; init; }

    /// <summary>Null for TCP.</summary>
    public required XdsResource? Route { get; init; }

    /// <summary>The resources of <paramref name="port"/>. <paramref name="previous"/> as a whole when nothing changed; else those of its
    /// resources whose content is still the same.</summary>
    public static ServicePortResources Create(
        MeshServicePort port, bool consistentHashing, OutboundListenerBuilder listeners, ServicePortResources? previous)
    {
        if (previous is not null && previous.ConsistentHashing == consistentHashing && previous.Source.Equals(port)) return previous;

        var name = Names.Outbound(port.Service, port.Port);
        return new ServicePortResources
        {
            Source = port,
            ConsistentHashing = consistentHashing,
            Cluster = XdsResource.Create(
                ResourceType.Cluster, name, ClusterBuilder.Outbound(port, consistentHashing), previous?.Cluster),
            Endpoints = previous is not null && previous.Source.Endpoints.Equals(port.Endpoints)
                ? previous.Endpoints
                : XdsResource.Create(ResourceType.Endpoints, name, EndpointBuilder.Endpoints(port), previous?.Endpoints),
            Listeners = CreateListeners(port, name, listeners, previous),
            Route = port.Protocol is PortProtocol.Tcp
                ? null
                : XdsResource.Create(ResourceType.Route, name, RouteBuilder.Routes(port), previous?.Route),
        };
    }

    private static List<(string Address, XdsResource Listener)> CreateListeners(
        MeshServicePort port, string name, OutboundListenerBuilder builder, ServicePortResources? previous)
    {
        var listeners = new List<(string, XdsResource)>();
        for (var i = 0; i < port.Addresses.Count; i++)
        {
            var address = port.Addresses[i];
            var listenerName = i == 0 ? name : $"{name}/{address}";
            var before = previous?.Listeners.FirstOrDefault(listener => listener.Listener.Name == listenerName).Listener;
            var message = builder.ServicePort(listenerName, port, address);
            listeners.Add((address, XdsResource.Create(ResourceType.Listener, listenerName, message, before)));
        }

        return listeners;
    }
}
