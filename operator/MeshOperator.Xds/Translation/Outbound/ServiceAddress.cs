using Envoy.Config.Endpoint.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Retry.Priority.PreviousPriorities.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>The service's own address, behind its endpoints. A proxy whose replica of the operator is silent may know only pods that have
/// ended; the node knows the ones that there are, so a request goes there that no endpoint took, or none is left to take.</summary>
internal static class ServiceAddress
{
    /// <summary>How many attempts endpoints have: as many as there would be without it, as an address leads to endpoints that were tried,
    /// too.</summary>
    private const int AttemptsBefore = 3;

    /// <summary>How many percent of the requests all endpoints together would take: as long as half of them can be reached, these take all.
    /// Of fewer, each would take more than twice its part; what is beyond that goes to the address.</summary>
    private const uint Capacity = 200;

    /// <summary>After how many attempts a request goes to the address.</summary>
    public static RetryPolicy.Types.RetryPriority LastAttempt { get; } =
        new()
        {
            Name = "envoy.retry_priorities.previous_priorities",
            TypedConfig = EnvoyMessages.Pack(new PreviousPrioritiesConfig { UpdateFrequency = AttemptsBefore }),
        };

    /// <summary>Adds the address behind the endpoints of a port, where a request that did not begin may go there.</summary>
    public static ClusterLoadAssignment Add(MeshServicePort port, ClusterLoadAssignment assignment)
    {
        if (Find(port) is not { } address || assignment.Endpoints.Count == 0)
            return assignment;
        assignment.Endpoints.Add(EndpointBuilder.Last(new MeshEndpoint(address, port.Port, port.Endpoints[0].Identity, null)));
        assignment.Policy = new() { OverprovisioningFactor = Capacity };
        return assignment;
    }

    /// <summary>Whether it is for a port: where no policy says how endpoints are ejected, or what becomes of requests then.</summary>
    public static bool IsFor(MeshServicePort port) =>
        port is { NodeAddress: not null, Balancing.PanicPercent: null, Protocol: not PortProtocol.Tcp }
        && ClusterBuilder.EjectsUnreachable(port);

    /// <summary>The address behind the endpoints of a port; null where there is none, as to an address all connections are alike, and those
    /// to endpoints may not be.</summary>
    public static string? Find(MeshServicePort port) =>
        IsFor(port) && port.Endpoints.Select(endpoint => endpoint.Identity is null).Distinct().Count() == 1 ? port.NodeAddress : null;
}
