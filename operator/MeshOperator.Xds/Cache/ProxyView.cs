using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Proxyless;

namespace MeshOperator.Xds.Cache;

/// <summary>All resources that one client may see: what is shared by all of its kind, and its own. Of each type there are these two sets,
/// whose names differ.</summary>
internal readonly record struct ProxyView
{
    private readonly IReadOnlyList<ResourceSet> _shared;
    private readonly ProxyResources? _own;
    private readonly ResourceSet _secrets;
    private readonly ResourceSet _members;
    private readonly bool _isOlder;

    private ProxyView(IReadOnlyList<ResourceSet> shared, ProxyResources? own, ResourceSet secrets, ResourceSet members, bool isOlder)
    {
        _shared = shared;
        _own = own;
        _secrets = secrets;
        _members = members;
        _isOlder = isOlder;
    }

    /// <summary>What an Envoy sees.</summary>
    /// <param name="shared">What it is sent of the mesh.</param>
    /// <param name="own">What is for connections that arrive at the proxy's workload.</param>
    /// <param name="secrets">Its certificate, the trust bundle, and what else <paramref name="own"/> names.</param>
    /// <param name="members">The endpoints with which it shares rate limits.</param>
    /// <param name="isOlder">Whether it is sent nothing that needs a recent Envoy.</param>
    public static ProxyView ForEnvoy(
        IReadOnlyList<ResourceSet> shared,
        ProxyResources own,
        ResourceSet secrets,
        ResourceSet members,
        bool isOlder
    ) => new(shared, own, secrets, members, isOlder);

    /// <summary>What a gRPC library sees. It has nothing of its own.</summary>
    public static ProxyView ForProxyless(ProxylessConfiguration configuration) =>
        new(configuration.Shared, null, ResourceSet.Empty, ResourceSet.Empty, isOlder: false);

    public ResourceSet SharedSet(ResourceType type) => _isOlder ? _shared[(int)type].ForOlder : _shared[(int)type];

    public ResourceSet OwnSet(ResourceType type) =>
        type switch
        {
            ResourceType.Secret => _secrets,
            ResourceType.Endpoints => _members,
            _ => _own?[type] ?? ResourceSet.Empty,
        };
}
