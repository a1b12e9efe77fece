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

    /// <summary>Requests that wait to be repeated at a time. Beyond it an application that is dead costs nothing more.</summary>
    private const uint Repeats = 100;

    /// <summary>Connections go to where they came for, from an address by which the redirection rules know them as the proxy's. Where they
    /// are bounded, the place is given beforehand: Envoy has a pool of connections for each place that it finds out, and of requests that
    /// come at once each finds it out for itself.</summary>
    public static Cluster Redirected(InboundTarget target, InboundProfile profile, HeaderCase headerCase)
    {
        var cluster = Create(target, profile, headerCase);
        var isBounded = target.Port.Queue is not null || profile.Application.MaxConnections is not null;
        if (isBounded && target.Number is not null && profile.BoundedAddress is { } address)
        {
            SendTo(address, target, cluster);
        }
        else
        {
            cluster.Type = Cluster.Types.DiscoveryType.OriginalDst;
            cluster.LbPolicy = Cluster.Types.LbPolicy.ClusterProvided;
        }

        cluster.UpstreamBindConfig = new BindConfig
        {
            SourceAddress = new SocketAddress { Address = ProxySource.Ipv4, PortValue = 0 },
        };
        if (profile.HasIpv6)
            cluster.UpstreamBindConfig.ExtraSourceAddresses.Add(
                new ExtraSourceAddress
                {
                    Address = new SocketAddress { Address = ProxySource.Ipv6, PortValue = 0 },
                }
            );
        return cluster;
    }

    /// <summary>The proxy listens at the pod's address, and the application on loopback.</summary>
    public static Cluster OnLoopback(InboundTarget target, InboundProfile profile, string address, HeaderCase headerCase)
    {
        var cluster = Create(target, profile, headerCase);
        SendTo(address, target, cluster);
        return cluster;
    }

    private static void SendTo(string address, InboundTarget target, Cluster cluster)
    {
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
    }

    private static Cluster Create(InboundTarget target, InboundProfile profile, HeaderCase headerCase)
    {
        var connection = profile.Application;
        var places = target.Port.Queue is { } queue ? new Places(queue, profile.Threads) : null;
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
                        MaxConnections = Least(places?.Connections, connection.MaxConnections),
                        MaxPendingRequests = places?.Waiting ?? Unbounded,
                        MaxRequests = Unbounded,
                        MaxRetries = Repeats,
                    },
                },
            },
        };
        if (UpstreamProtocols.ForServer(target.Port.Protocol, headerCase, streams: places is null ? null : 1) is not { } options)
            return cluster;
        options.CommonHttpProtocolOptions = new HttpProtocolOptions { IdleTimeout = EnvoyMessages.Duration(connection.IdleTimeout!.Value) };
        if ((connection.RequestsPerConnection ?? places?.RequestsPerConnection) is { } requests)
            options.CommonHttpProtocolOptions.MaxRequestsPerConnection = (uint)requests;
        cluster.TypedExtensionProtocolOptions.Add(UpstreamProtocols.OptionsName, EnvoyMessages.Pack(options));
        return cluster;
    }

    private static uint Least(int? a, int? b) => (uint?)(a is { } first && b is { } second ? Math.Min(first, second) : a ?? b) ?? Unbounded;

    /// <summary>What makes a queue of connections: each carries a request at a time, over HTTP/2 too. Envoy lets each of its threads have
    /// one whatever the bound, so the others are fewer by that: no more requests run than may.</summary>
    private sealed class Places(RequestQueue queue, int threads)
    {
        public int Connections { get; } = Math.Max(1, queue.Running - (threads - 1));

        /// <summary>A request that waits for a new connection waits as well.</summary>
        public uint Waiting { get; } = (uint)Math.Max(queue.Waiting, queue.Running);

        /// <summary>A server that handles one request at a time may handle one connection at a time, and must not wait for the next request
        /// of one thread while another has some.</summary>
        public int? RequestsPerConnection { get; } = queue.Running == 1 ? 1 : null;
    }
}
