using Envoy.Config.Cluster.V3;
using Envoy.Config.Core.V3;
using Envoy.Config.Endpoint.V3;
using MeshOperator.Api;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;
using Thresholds = Envoy.Config.Cluster.V3.CircuitBreakers.Types.Thresholds;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>Makes the clusters of the application in the proxy's own pod.</summary>
internal static class ApplicationCluster
{
    /// <summary>Only what a setting bounds shall be bounded.</summary>
    private const uint Unbounded = uint.MaxValue;

    /// <summary>Connections go to where they came for, from an address by which the redirection rules know them as the proxy's.</summary>
    public static Cluster Redirected(InboundTarget target, ApplicationConnection connection, bool hasIpv6)
    {
        var cluster = Create(target, connection);
        cluster.Type = Cluster.Types.DiscoveryType.OriginalDst;
        cluster.LbPolicy = Cluster.Types.LbPolicy.ClusterProvided;
        cluster.UpstreamBindConfig = new BindConfig
        {
            SourceAddress = new SocketAddress { Address = ProxySource.Ipv4, PortValue = 0 },
        };
        if (hasIpv6)
            cluster.UpstreamBindConfig.ExtraSourceAddresses.Add(
                new ExtraSourceAddress
                {
                    Address = new SocketAddress { Address = ProxySource.Ipv6, PortValue = 0 },
                }
            );
        return cluster;
    }

    /// <summary>The proxy listens at the pod's address, and the application on loopback.</summary>
    public static Cluster OnLoopback(InboundTarget target, ApplicationConnection connection, string address)
    {
        var cluster = Create(target, connection);
        cluster.Type = Cluster.Types.DiscoveryType.Static;
        cluster.LoadAssignment = new ClusterLoadAssignment
        {
            ClusterName = target.Name,
            Endpoints =
            {
                new LocalityLbEndpoints
                {
                    LbEndpoints =
                    {
                        new LbEndpoint { Endpoint = new Endpoint { Address = EnvoyMessages.Address(address, (uint)target.Port.Port) } },
                    },
                },
            },
        };
        return cluster;
    }

    private static Cluster Create(InboundTarget target, ApplicationConnection connection)
    {
        var cluster = new Cluster
        {
            Name = target.Name,
            ConnectTimeout = EnvoyMessages.Duration(connection.ConnectTimeout!.Value),
            CircuitBreakers = new CircuitBreakers
            {
                Thresholds =
                {
                    new Thresholds
                    {
                        MaxConnections = connection.MaxConnections is { } most ? (uint)most : Unbounded,
                        MaxPendingRequests = Unbounded,
                        MaxRequests = Unbounded,
                        MaxRetries = Unbounded,
                    },
                },
            },
        };
        if (UpstreamProtocols.ForServer(target.Port.Protocol) is not { } options)
            return cluster;
        options.CommonHttpProtocolOptions = new HttpProtocolOptions { IdleTimeout = EnvoyMessages.Duration(connection.IdleTimeout!.Value) };
        if (connection.RequestsPerConnection is { } requests)
            options.CommonHttpProtocolOptions.MaxRequestsPerConnection = (uint)requests;
        cluster.TypedExtensionProtocolOptions.Add(UpstreamProtocols.OptionsName, EnvoyMessages.Pack(options));
        return cluster;
    }
}
