using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Translation;

/// <summary>Resources that are the same in every mesh.</summary>
internal static class CommonResources
{
    public static IReadOnlyList<XdsResource> Clusters { get; } =
        [.. ClusterBuilder.Common().Select(cluster => XdsResource.Create(ResourceType.Cluster, cluster.Name, cluster))];

    public static IReadOnlyList<XdsResource> Listeners { get; } =
        [XdsResource.Create(ResourceType.Listener, Names.OutboundListener, OutboundListenerBuilder.Entrance())];
}
