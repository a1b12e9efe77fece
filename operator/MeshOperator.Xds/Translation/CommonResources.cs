using Google.Protobuf.WellKnownTypes;
using MeshOperator.Api;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Translation;

/// <summary>Resources that all proxies have, whatever the mesh.</summary>
internal sealed class CommonResources(Observability observability)
{
    public IReadOnlyList<XdsResource> Clusters { get; } =
    [
        .. ClusterBuilder.Everywhere().Concat(observability.Collector is { } collector ? [collector] : [])
            .Select(cluster => XdsResource.Create(ResourceType.Cluster, cluster.Name, cluster)),
    ];

    public IReadOnlyList<XdsResource> Listeners { get; } =
        [XdsResource.Create(ResourceType.Listener, Names.OutboundListener, new OutboundListenerBuilder(observability).Entrance(Names.OutboundListener, "0.0.0.0"))];

    /// <summary>A layer without values. Every proxy asks for it when it starts, so that what it may hold one day needs no other
    /// listener.</summary>
    public IReadOnlyList<XdsResource> Runtime { get; } =
        [XdsResource.Create(ResourceType.Runtime, MeshNames.RuntimeLayer, new Envoy.Service.Runtime.V3.Runtime { Name = MeshNames.RuntimeLayer, Layer = new Struct() })];
}
