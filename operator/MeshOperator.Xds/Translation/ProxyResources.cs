using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Translation;

/// <summary>What a proxy is sent beyond what all are sent: its inbound listener and clusters. Shared by all workloads with an equal
/// profile.</summary>
internal sealed class ProxyResources
{
    private ProxyResources(InboundProfile profile, ResourceSet clusters, ResourceSet listeners)
    {
        Profile = profile;
        Clusters = clusters;
        Listeners = listeners;
    }

    public InboundProfile Profile { get; }

    public ResourceSet Clusters { get; }

    public ResourceSet Listeners { get; }

    /// <summary>For proxies of which nothing is known: arriving connections are passed on as they are, as there is no identity to
    /// take mutual TLS with.</summary>
    public static ProxyResources OfUnknownWorkload { get; } =
        Create(new InboundProfile(MtlsMode.Disabled, [], []), "unknown", new Observability(new TelemetrySettings()));

    /// <summary>For proxies at which no connections arrive.</summary>
    public static ProxyResources None { get; } = new(InboundProfile.Nothing, ResourceSet.Empty, ResourceSet.Empty);

    public static ProxyResources Create(InboundProfile profile, string trustDomain, Observability observability)
    {
        List<Envoy.Config.Listener.V3.Listener> listeners = [new InboundBuilder(observability).Listener(profile, trustDomain)];
        if (profile.HasIpv6) listeners.Add(new OutboundListenerBuilder(observability).Entrance(Names.OutboundIpv6Listener, "::"));
        return new ProxyResources(
            profile,
            ResourceSet.Create(InboundBuilder.Clusters(profile)
                .DistinctBy(cluster => cluster.Name)
                .Select(cluster => XdsResource.Create(ResourceType.Cluster, cluster.Name, cluster))),
            ResourceSet.Create(listeners.Select(listener => XdsResource.Create(ResourceType.Listener, listener.Name, listener))));
    }
}
