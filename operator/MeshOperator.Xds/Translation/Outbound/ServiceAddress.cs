using Envoy.Config.Endpoint.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Retry.Priority.PreviousPriorities.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>The service's own address, behind its endpoints. A proxy whose replica of the operator is silent may know only pods that have
/// ended; the node knows the ones that there are, so a request goes there that no endpoint took.</summary>
internal static class ServiceAddress
{
    /// <summary>How many attempts endpoints have: as many as there would be without it, as an address leads to endpoints that were tried,
    /// too.</summary>
    private const int AttemptsBefore = 3;

    /// <summary>Envoy uses the address, too, as far as less than this share of the endpoints is in use: so no other request does.</summary>
    private const uint LeastInUse = 100_000;

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
        assignment.Policy = new() { OverprovisioningFactor = LeastInUse };
        return assignment;
    }

    /// <summary>The address that is behind the endpoints of a port: where no policy says how requests are retried or endpoints chosen, and
    /// all endpoints are connected to alike; else null.</summary>
    public static string? Find(MeshServicePort port) =>
        port is { Endpoints.Count: > 0, Balancing.PanicPercent: null }
        && port.Protocol is not PortProtocol.Tcp
        && ClusterBuilder.EjectsUnreachable(port)
        && port.Endpoints.Select(endpoint => endpoint.Identity is null).Distinct().Count() == 1
            ? port.NodeAddress
            : null;
}
