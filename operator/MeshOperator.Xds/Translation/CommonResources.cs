using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation.Outbound;
using MeshOperator.Xds.Translation.Shared;
using MeshOperator.Xds.Translation.Telemetry;

namespace MeshOperator.Xds.Translation;

/// <summary>Resources that all proxies have, whatever the mesh.</summary>
internal sealed class CommonResources(Observability observability, OutboundListenerBuilder listeners)
{
    public IReadOnlyList<XdsResource> Clusters { get; } =
    [
        .. ClusterBuilder
            .Everywhere()
            .Concat(observability.Collector is { } collector ? [collector] : [])
            .Select(cluster => XdsResource.Create(ResourceType.Cluster, cluster.Name, cluster)),
    ];

    public IReadOnlyList<XdsResource> Listeners { get; } =
    [XdsResource.Create(ResourceType.Listener, Names.OutboundListener, listeners.Entrance(Names.OutboundListener, "0.0.0.0"))];
}
