using Envoy.Config.Accesslog.V3;
using Envoy.Config.Core.V3;
using Envoy.Config.Listener.V3;
using Envoy.Extensions.Filters.Common.SetFilterState.V3;
using Envoy.Extensions.Filters.Listener.HttpInspector.V3;
using Envoy.Extensions.Filters.Network.TcpProxy.V3;
using Envoy.Type.V3;
using MeshOperator.Api;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;
using MeshOperator.Xds.Translation.Telemetry;
using SetFilterState = Envoy.Extensions.Filters.Network.SetFilterState.V3.Config;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>Makes the listeners for connections that leave a pod.</summary>
internal sealed class OutboundListenerBuilder(Observability observability, HeaderCase headerCase)
{
    /// <summary>How names of headers are written.</summary>
    public HeaderCase HeaderCase => headerCase;

    /// <summary>How long the first bytes of a connection to an undeclared port are waited for. A protocol in which the server speaks
    /// first waits that long, so such ports should be declared as TCP. The server's proxy does not wait again: inside of mutual TLS the
    /// client's says what there is, and where that is disabled nothing is looked at.</summary>
    private static readonly TimeSpan DetectionTimeout = TimeSpan.FromSeconds(1);

    /// <summary>The listener that all connections are redirected to. It hands those to a service's address to that service's
    /// listener, and lets the others pass.</summary>
    public Listener Entrance(string name, string address) =>
        new()
        {
            Name = name,
            Address = EnvoyMessages.Address(address, ProxyPort.Outbound),
            UseOriginalDst = true,
            TrafficDirection = TrafficDirection.Outbound,
            FilterChains =
            {
                // A connection made to this port itself would be passed on to itself without end.
                new FilterChain
                {
                    Name = Names.Blackhole,
                    FilterChainMatch = new FilterChainMatch { DestinationPort = ProxyPort.Outbound },
                    Filters = { EnvoyMessages.TcpProxy(Names.Blackhole, Names.Blackhole) },
                },
            },
            DefaultFilterChain = new FilterChain
            {
                Name = Names.Passthrough,
                Filters = { Tcp(new TcpProxy { Cluster = Names.Passthrough, StatPrefix = Names.Passthrough }) },
            },
        };

    /// <summary>The listener of a service port at one of its addresses.</summary>
    /// <param name="name">The listener's name.</param>
    /// <param name="port">The service port.</param>
    /// <param name="address">The address, and <paramref name="number"/> the port, to which clients connect.</param>
    /// <param name="number">For a headless service the endpoint's port, else the service's.</param>
    /// <param name="routing">Where requests and connections go.</param>
    /// <param name="measures">What measures requests.</param>
    public Listener ServicePort(
        string name,
        MeshServicePort port,
        string address,
        int number,
        PortRouting routing,
        IReadOnlyList<AccessLog> measures
    )
    {
        var listener = new Listener
        {
            Name = name,
            StatPrefix = Names.OutboundStat(port.Service, port.Port),
            Address = EnvoyMessages.Address(address, (uint)number),
            BindToPort = false,
            TrafficDirection = TrafficDirection.Outbound,
        };
        if (port.Protocol is not PortProtocol.Detect)
        {
            listener.FilterChains.Add(
                new FilterChain { Filters = { port.Protocol is PortProtocol.Tcp ? Tcp(routing) : [Http(port, routing, measures)] } }
            );
            return listener;
        }

        listener.ListenerFilters.Add(HttpInspector());
        listener.ListenerFiltersTimeout = EnvoyMessages.Duration(DetectionTimeout);
        listener.ContinueOnListenerFiltersTimeout = true;
        listener.FilterChains.Add(
            new FilterChain
            {
                Name = "http",
                FilterChainMatch = PlainHttp(),
                Filters = { Http(port, routing, measures) },
            }
        );
        listener.DefaultFilterChain = new FilterChain { Name = "tcp", Filters = { Tcp(routing) } };
        return listener;
    }

    public static ListenerFilter HttpInspector() =>
        new() { Name = "envoy.filters.listener.http_inspector", TypedConfig = EnvoyMessages.Pack(new HttpInspector()) };

    /// <summary>What the HTTP inspector calls HTTP.</summary>
    public static IReadOnlyList<string> PlainHttpProtocols { get; } = ["http/1.0", "http/1.1", "h2c"];

    /// <summary>Matches what the HTTP inspector took for HTTP.</summary>
    private static FilterChainMatch PlainHttp() =>
        new() { TransportProtocol = "raw_buffer", ApplicationProtocols = { PlainHttpProtocols } };

    private Filter Http(MeshServicePort port, PortRouting routing, IReadOnlyList<AccessLog> measures)
    {
        var manager = ConnectionManagerBuilder.Create(
            Names.OutboundStat(port.Service, port.Port),
            $"{port.Service}:{port.Port}",
            headerCase
        );
        manager.Rds = ConnectionManagerBuilder.Routes(routing.RouteName);
        manager.LocalReplyConfig = LocalReplies.ToApplication;
        manager.HttpFilters.AddRange(ConnectionManagerBuilder.OutboundFilters);
        observability.Outbound(manager);
        manager.AccessLog.AddRange(measures);
        return EnvoyMessages.ConnectionManager(manager);
    }

    /// <summary>What passes the bytes of a service port on: a resource of its own (ECDS), so that where they go can change and no open
    /// connection ends. Connections cannot be answered with a status: the share of a missing backend is closed.</summary>
    public TypedExtensionConfig Bytes(MeshServicePort port, PortRouting routing)
    {
        var proxy = EnvoyMessages.Bytes(new TcpProxy { StatPrefix = Names.OutboundStat(port.Service, port.Port) });
        if (port.Connection.IdleTimeout is { } idle)
            proxy.IdleTimeout = EnvoyMessages.Duration(idle);
        var clusters = BackendSplit.ByCluster(port.TcpBackends, routing.NameCluster, Names.Blackhole);
        if (clusters.Count <= 1)
        {
            proxy.Cluster = clusters.Count == 0 ? Names.Blackhole : clusters[0].Cluster;
        }
        else
        {
            proxy.WeightedClusters = new TcpProxy.Types.WeightedCluster();
            foreach (var (cluster, weight) in clusters)
            {
                proxy.WeightedClusters.Clusters.Add(
                    new TcpProxy.Types.WeightedCluster.Types.ClusterWeight { Name = cluster, Weight = weight }
                );
            }
        }

        if (port.TcpHashesClient)
            proxy.HashPolicy.Add(new HashPolicy { SourceIp = new HashPolicy.Types.SourceIp() });
        observability.Outbound(proxy);
        return new TypedExtensionConfig { Name = routing.RouteName, TypedConfig = EnvoyMessages.Pack(proxy) };
    }

    private static Filter[] Tcp(PortRouting routing) =>
        [SayBytes, new Filter { Name = routing.RouteName, ConfigDiscovery = EnvoyMessages.Discovery(EnvoyMessages.Ads, new TcpProxy()) }];

    /// <summary>Clusters that are for requests as well say that HTTP is inside; here it is not.</summary>
    private static Filter SayBytes { get; } =
        new()
        {
            Name = "envoy.filters.network.set_filter_state",
            TypedConfig = EnvoyMessages.Pack(
                new SetFilterState
                {
                    OnNewConnection =
                    {
                        new FilterStateValue
                        {
                            ObjectKey = "envoy.network.application_protocols",
                            FormatString = new SubstitutionFormatString
                            {
                                TextFormatSource = new DataSource { InlineString = Names.MeshAlpn },
                            },
                        },
                    },
                }
            ),
        };

    private Filter Tcp(TcpProxy proxy)
    {
        observability.Outbound(proxy);
        return EnvoyMessages.TcpProxy(proxy);
    }
}
