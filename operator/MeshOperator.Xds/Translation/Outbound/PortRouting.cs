using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>Where what comes to a service port goes. Connections to an endpoint of a headless service that the client chose go on to that
/// endpoint; where a split sends them elsewhere, to the backends' clusters as always.</summary>
/// <param name="RouteName">The name of the route configuration.</param>
/// <param name="Self">The port itself, when the client chose the endpoint; else null.</param>
/// <param name="SelfCluster">The cluster for <paramref name="Self"/>.</param>
internal sealed record PortRouting(string RouteName, BackendTarget? Self = null, string? SelfCluster = null)
{
    /// <summary>By the service's address.</summary>
    public static PortRouting ForPort(MeshServicePort port) => new(Names.Outbound(port.Service, port.Port));

    /// <summary>By the addresses of endpoints, which take mutual TLS or do not.</summary>
    public static PortRouting Direct(MeshServicePort port, bool mtls)
    {
        var route = Names.Outbound(port.Service, port.Port);
        var cluster = Names.Direct(port.Service, port.Port);
        return new PortRouting(
            mtls ? route : Names.Plaintext(route),
            new BackendTarget(port.Service, port.Port),
            mtls ? cluster : Names.Plaintext(cluster)
        );
    }

    /// <summary>The cluster of a backend.</summary>
    /// <param name="target">The backend.</param>
    /// <param name="shift">The gradual shift to which the requests belong, or null.</param>
    public string NameCluster(BackendTarget target, ShiftName? shift) =>
        shift is not null && target != Self ? Names.Shift(target, shift) : NameCluster(target);

    public string NameCluster(BackendTarget target) => target == Self ? SelfCluster! : Names.Outbound(target);
}
