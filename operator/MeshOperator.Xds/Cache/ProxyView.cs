using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Xds.Cache;

/// <summary>All resources that one proxy may see: what is shared by all, and its own. Of each type there are these two sets, whose
/// names differ.</summary>
/// <param name="Configuration">The shared part.</param>
/// <param name="Own">The inbound listener and clusters of the proxy's workload.</param>
/// <param name="Secrets">Its certificate and the trust bundle.</param>
internal readonly record struct ProxyView(EnvoyConfiguration Configuration, ProxyResources Own, ResourceSet Secrets)
{
    public ResourceSet SharedSet(ResourceType type) => Configuration.Shared[(int)type];

    public ResourceSet OwnSet(ResourceType type) => type switch
    {
        ResourceType.Cluster => Own.Clusters,
        ResourceType.Listener => Own.Listeners,
        ResourceType.Secret => Secrets,
        _ => ResourceSet.Empty,
    };
}
