using Envoy.Config.Core.V3;
using Envoy.Config.Endpoint.V3;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>Makes cluster load assignments.</summary>
internal static class EndpointBuilder
{
    private const string TransportSocketMatch = "envoy.transport_socket_match";

    /// <summary>What an endpoint's metadata holds when it takes no mutual TLS, and what clusters match it by. Most of a mesh's endpoints
    /// take it, so they go without a mark; and one whose mark has been lost is not spoken to in the clear.</summary>
    public static Struct PlaintextMark { get; } = new() { Fields = { [Names.PlaintextMetadata] = Value.ForString("true") } };

    private static readonly Metadata PlaintextMetadata = new() { FilterMetadata = { [TransportSocketMatch] = PlaintextMark } };

    /// <summary>That a cluster has no endpoints.</summary>
    public static ClusterLoadAssignment None(string cluster) => new() { ClusterName = cluster };

    /// <summary>The endpoints by zone. A zone weighs as much as it has endpoints, so that traffic is even over all of them.</summary>
    /// <param name="endpoints">The endpoints.</param>
    /// <param name="cluster">The name of the cluster.</param>
    public static ClusterLoadAssignment Endpoints(IEnumerable<MeshEndpoint> endpoints, string cluster) =>
        Endpoints(endpoints, cluster, _ => 0);

    /// <summary>The endpoints by zone, in groups of which a later one is used as far as those before it are ejected.</summary>
    /// <param name="endpoints">The endpoints.</param>
    /// <param name="cluster">The name of the cluster.</param>
    /// <param name="findPriority">The number of an endpoint's group: from 0 on, without gaps.</param>
    public static ClusterLoadAssignment Endpoints(IEnumerable<MeshEndpoint> endpoints, string cluster, Func<MeshEndpoint, int> findPriority)
    {
        var assignment = new ClusterLoadAssignment { ClusterName = cluster };
        var zones = endpoints
            .Where(endpoint => !endpoint.IsDraining)
            .DistinctBy(endpoint => (endpoint.Address, endpoint.Port))
            .GroupBy(endpoint => (Priority: findPriority(endpoint), Zone: endpoint.Zone ?? ""))
            .OrderBy(group => group.Key.Priority)
            .ThenBy(group => group.Key.Zone, StringComparer.Ordinal);
        foreach (var zone in zones)
        {
            var locality = new LocalityLbEndpoints
            {
                Locality = new Locality { Zone = zone.Key.Zone },
                Priority = (uint)zone.Key.Priority,
            };
            foreach (var endpoint in zone)
            {
                locality.LbEndpoints.Add(Member(endpoint));
            }

            locality.LoadBalancingWeight = (uint)locality.LbEndpoints.Count;
            assignment.Endpoints.Add(locality);
        }

        return assignment;
    }

    /// <summary>The endpoints of a pool by their weights, wherever they are: consistent hashing knows no zones.</summary>
    public static ClusterLoadAssignment Pool(string name, StickyPool pool)
    {
        var assignment = new ClusterLoadAssignment { ClusterName = name };
        if (pool.Members.Count == 0)
            return assignment;
        var locality = new LocalityLbEndpoints { LoadBalancingWeight = 1 };
        foreach (var member in pool.Members)
        {
            var endpoint = Member(member.Endpoint);
            endpoint.LoadBalancingWeight = (uint)member.Weight;
            locality.LbEndpoints.Add(endpoint);
        }

        assignment.Endpoints.Add(locality);
        return assignment;
    }

    /// <summary>One that is used when those before are not.</summary>
    public static LocalityLbEndpoints Last(MeshEndpoint endpoint) =>
        new()
        {
            Priority = 1,
            LbEndpoints = { Member(endpoint) },
            LoadBalancingWeight = 1,
        };

    private static LbEndpoint Member(MeshEndpoint endpoint)
    {
        var member = new LbEndpoint
        {
            Endpoint = new Envoy.Config.Endpoint.V3.Endpoint { Address = EnvoyMessages.Address(endpoint.Address, (uint)endpoint.Port) },
        };
        if (endpoint.OtherAddress is { } other)
            member.Endpoint.AdditionalAddresses.Add(
                new Envoy.Config.Endpoint.V3.Endpoint.Types.AdditionalAddress
                {
                    Address = EnvoyMessages.Address(other, (uint)endpoint.Port),
                }
            );
        if (endpoint.Identity is null)
            member.Metadata = PlaintextMetadata;
        return member;
    }
}
