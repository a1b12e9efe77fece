using Envoy.Config.Endpoint.V3;
using MeshOperator.Api;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>Makes the endpoints of the cluster by which a proxy knows how many pods share its rate limits (Envoy's local cluster). Nothing
/// is ever sent to them. All proxies of a group have the same.</summary>
internal sealed class LimitMembers
{
    /// <summary>Any port will do.</summary>
    private const uint Port = 1;

    private readonly Dictionary<LimitGroup, ResourceSet> _made = [];

    /// <summary>Of a proxy that shares nothing: it asks all the same, and waits for an answer when it starts.</summary>
    public static ResourceSet None { get; } = Create([]);

    /// <summary>The endpoints of a group.</summary>
    public ResourceSet Find(LimitGroup? group)
    {
        if (group is null)
            return None;
        if (!_made.TryGetValue(group, out var members))
            _made.Add(group, members = Create(group.Addresses));
        return members;
    }

    private static ResourceSet Create(ValueList<string> addresses)
    {
        var assignment = new ClusterLoadAssignment { ClusterName = MeshNames.LimitMembersCluster };
        if (addresses.Count > 0)
            assignment.Endpoints.Add(
                new LocalityLbEndpoints
                {
                    LbEndpoints =
                    {
                        addresses.Select(address => new LbEndpoint { Endpoint = new() { Address = EnvoyMessages.Address(address, Port) } }),
                    },
                }
            );
        return ResourceSet.Create([XdsResource.Create(ResourceType.Endpoints, assignment.ClusterName, assignment)]);
    }
}
