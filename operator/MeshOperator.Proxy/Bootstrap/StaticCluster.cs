using System.Net;
using System.Text.Json.Nodes;

namespace MeshOperator.Proxy.Bootstrap;

/// <summary>How the health of a static cluster is found out when somebody asks for it.</summary>
internal enum StaticCheck
{
    /// <summary>It is not.</summary>
    None,

    /// <summary>By a connection.</summary>
    Tcp,

    /// <summary>By gRPC's health service.</summary>
    Grpc,
}

/// <summary>A cluster of the bootstrap.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its only endpoint.</param>
/// <param name="Timeout">How long a connection, or a check, may take.</param>
/// <param name="IsTls">Whether it is spoken to in TLS, whatever its certificate.</param>
/// <param name="Check">How its health is checked.</param>
/// <param name="GrpcService">The service of which gRPC's health service is asked; empty for all of the server.</param>
internal sealed record StaticCluster(string Name, IPEndPoint Address, TimeSpan Timeout, bool IsTls, StaticCheck Check, string GrpcService)
{
    /// <summary>Where a cluster has the address of its only endpoint.</summary>
    public const string AddressPath = "load_assignment/endpoints/0/lb_endpoints/0/endpoint/address";

    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Reads a cluster.</summary>
    public static StaticCluster Read(JsonObject cluster) =>
        new(
            cluster.Required("name"),
            cluster.Address(AddressPath),
            cluster.Duration("health_checks/0/timeout") ?? cluster.Duration("connect_timeout") ?? DefaultTimeout,
            cluster.At("transport_socket") is not null,
            cluster.At("health_checks/0/tcp_health_check") is not null ? StaticCheck.Tcp
                : cluster.At("health_checks/0/grpc_health_check") is not null ? StaticCheck.Grpc
                : StaticCheck.None,
            cluster.Text("health_checks/0/grpc_health_check/service_name") ?? ""
        );
}
