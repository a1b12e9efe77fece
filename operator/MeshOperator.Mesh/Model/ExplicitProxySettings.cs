namespace MeshOperator.Mesh.Model;

/// <summary>A port on loopback that leads to a service port.</summary>
/// <param name="Port">The port on loopback.</param>
/// <param name="Service">The service.</param>
/// <param name="ServicePort">The service's port.</param>
public sealed record LocalServicePort(int Port, ServiceName Service, int ServicePort);

/// <summary>Where a proxy listens to which nothing is redirected.</summary>
/// <param name="Address">The loopback address for the application's requests.</param>
/// <param name="LocalPorts">The ports there that lead to one service each, ordered.</param>
public sealed record ExplicitProxySettings(string Address, ValueList<LocalServicePort> LocalPorts)
{
    /// <summary>The address where nothing else is said.</summary>
    public const string Loopback = "127.0.0.1";

    /// <summary>Where it listens for connections that arrive at the pod; null where these bypass it.</summary>
    public InboundBinding? Inbound { get; init; }
}

/// <summary>Where a proxy listens for connections that arrive at its pod.</summary>
/// <param name="Addresses">The pod's addresses.</param>
/// <param name="Application">The loopback address on which the application listens, at the same ports.</param>
public sealed record InboundBinding(ValueList<string> Addresses, string Application);
