using Envoy.Config.Cluster.V3;
using Envoy.Config.Listener.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Envoy.Extensions.TransportSockets.Tls.V3;
using Google.Protobuf;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Proxy.Resources;

/// <summary>Which other resources a resource names, found while its fields are looked at.</summary>
internal sealed class ResourceReferences
{
    private readonly HashSet<(ResourceType Type, string Name)> _names = [];

    /// <summary>The names.</summary>
    public IReadOnlySet<(ResourceType Type, string Name)> Names => _names;

    /// <summary>Notes what a message names itself.</summary>
    public void Note(IMessage message)
    {
        switch (message)
        {
            case Cluster { Type: Cluster.Types.DiscoveryType.Eds } cluster:
                _names.Add((ResourceType.Endpoints, FindEndpointsName(cluster)));
                break;
            case Rds routes:
                _names.Add((ResourceType.Route, routes.RouteConfigName));
                break;
            case SdsSecretConfig secret:
                _names.Add((ResourceType.Secret, secret.Name));
                break;
            case Filter { ConfigDiscovery: not null } filter:
                _names.Add((ResourceType.Extension, filter.Name));
                break;
            case HttpFilter { ConfigDiscovery: not null } filter:
                _names.Add((ResourceType.Extension, filter.Name));
                break;
        }
    }

    /// <summary>The name of a cluster's endpoints.</summary>
    public static string FindEndpointsName(Cluster cluster) =>
        cluster.EdsClusterConfig is { ServiceName: { Length: > 0 } name } ? name : cluster.Name;
}
