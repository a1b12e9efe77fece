using Envoy.Config.Cluster.V3;
using Envoy.Config.Core.V3;
using Envoy.Config.Endpoint.V3;
using Envoy.Extensions.Upstreams.Http.V3;
using Envoy.Type.V3;
using MeshOperator.Api;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;
using HttpProtocolOptions = Envoy.Extensions.Upstreams.Http.V3.HttpProtocolOptions;
using Thresholds = Envoy.Config.Cluster.V3.CircuitBreakers.Types.Thresholds;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>Makes clusters.</summary>
internal static class ClusterBuilder
{
    private static readonly TimeSpan DefaultConnectTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Envoy's own bounds are low for a sidecar; only what a policy sets shall bound.</summary>
    private const uint Unbounded = uint.MaxValue;

    /// <summary>How long changes of endpoints' health are gathered. With Envoy's second, an endpoint that was ejected within a second of
    /// another change went on to get requests for the rest of that second. Many that change at once still cost one update each 10
    /// ms.</summary>
    private static readonly TimeSpan UpdateMergeWindow = TimeSpan.FromMilliseconds(10);

    /// <summary>Clusters that every proxy has: connections to where they were going, and to nowhere.</summary>
    public static IEnumerable<Cluster> Everywhere() =>
        [
            new Cluster
            {
                Name = Names.Passthrough,
                Type = Cluster.Types.DiscoveryType.OriginalDst,
                LbPolicy = Cluster.Types.LbPolicy.ClusterProvided,
                ConnectTimeout = EnvoyMessages.Duration(DefaultConnectTimeout),
                CircuitBreakers = Breakers(null),
                UpstreamConnectionOptions = Keepalive.Upstream,
                UpstreamBindConfig = Keepalive.UpstreamBind,
            },
            new Cluster
            {
                Name = Names.Blackhole,
                Type = Cluster.Types.DiscoveryType.Static,
                ConnectTimeout = EnvoyMessages.Duration(DefaultConnectTimeout),
            },
        ];

    /// <summary>The cluster of a service port.</summary>
    /// <param name="port">The service port.</param>
    /// <param name="consistentHashing">Whether some route keeps clients at one of its endpoints.</param>
    /// <param name="headerCase">How names of headers are written.</param>
    public static Cluster Outbound(MeshServicePort port, bool consistentHashing, HeaderCase headerCase) =>
        Outbound(port, consistentHashing, headerCase, isForCopies: false);

    private static Cluster Outbound(MeshServicePort port, bool consistentHashing, HeaderCase headerCase, bool isForCopies)
    {
        var cluster = ForSidecars(port, Eds(Names.Outbound(port.Service, port.Port)), ServiceAddress.IsFor(port));
        cluster.AltStatName = Names.OutboundStat(port.Service, port.Port);
        cluster.CommonLbConfig = new() { UpdateMergeWindow = EnvoyMessages.Duration(UpdateMergeWindow) };
        if (consistentHashing)
            cluster.LbPolicy = Cluster.Types.LbPolicy.RingHash;
        else
            EndpointChoice.Apply(port, cluster);
        EndpointChoice.ApplyPanic(port.Balancing, cluster);
        AddProtocol(cluster, port, headerCase, isForCopies);
        AddTransportSockets(cluster, port, port.Endpoints);
        return cluster;
    }

    /// <summary>The cluster of a service port for the requests of a gradual shift, which are counted by cluster. It has statistics and
    /// endpoints of its own: Envoy does not give a second cluster those that another one has subscribed to.</summary>
    public static Cluster Shift(MeshServicePort port, ShiftName shift, bool consistentHashing, HeaderCase headerCase)
    {
        var cluster = Outbound(port, consistentHashing, headerCase, shift.IsCopies);
        var target = new BackendTarget(port.Service, port.Port);
        cluster.Name = Names.Shift(target, shift);
        cluster.AltStatName = Names.ShiftStat(target, shift);
        return cluster;
    }

    /// <summary>The cluster of a service port for copies of requests, which wait for a server as no request may.</summary>
    public static Cluster Mirror(MeshServicePort port, bool consistentHashing, HeaderCase headerCase)
    {
        var cluster = Outbound(port, consistentHashing, headerCase, isForCopies: true);
        cluster.Name = Names.Mirror(new BackendTarget(port.Service, port.Port));
        cluster.AltStatName += "/mirror";
        return cluster;
    }

    /// <summary>The cluster of a pool of a service port's routes. Maglev keeps the weights of endpoints more exactly than a ring.</summary>
    public static Cluster Pool(MeshServicePort port, string name, StickyPool pool, HeaderCase headerCase)
    {
        var cluster = ForSidecars(port, Eds(name));
        cluster.AltStatName = $"{Names.OutboundStat(port.Service, port.Port)}/{pool.Name}";
        cluster.LbPolicy = Cluster.Types.LbPolicy.Maglev;
        EndpointChoice.ApplyPanic(port.Balancing, cluster);
        AddProtocol(cluster, port, headerCase);
        AddTransportSockets(cluster, port, [.. pool.Members.Select(member => member.Endpoint)]);
        return cluster;
    }

    /// <summary>The cluster of connections to the endpoints of a headless service, which clients choose themselves.</summary>
    /// <param name="port">The service port.</param>
    /// <param name="mtls">Whether it is for the endpoints that take mutual TLS, or for the others.</param>
    /// <param name="headerCase">How names of headers are written.</param>
    public static Cluster Direct(MeshServicePort port, bool mtls, HeaderCase headerCase)
    {
        var name = Names.Direct(port.Service, port.Port);
        var cluster = ForSidecars(
            port,
            new Cluster
            {
                Name = mtls ? name : Names.Plaintext(name),
                AltStatName = Names.OutboundStat(port.Service, port.Port),
                Type = Cluster.Types.DiscoveryType.OriginalDst,
                LbPolicy = Cluster.Types.LbPolicy.ClusterProvided,
            }
        );
        AddProtocol(cluster, port, headerCase);
        if (mtls)
            cluster.TransportSocket = MutualTls(port, Identities(port.Endpoints));
        return cluster;
    }

    /// <summary>What a proxy sees to and a library does not.</summary>
    /// <param name="port">The service port.</param>
    /// <param name="cluster">Its cluster.</param>
    /// <param name="hasAddress">Whether <see cref="ServiceAddress"/> is behind the endpoints.</param>
    private static Cluster ForSidecars(MeshServicePort port, Cluster cluster, bool hasAddress = false)
    {
        cluster.ConnectTimeout = EnvoyMessages.Duration(port.Connection.ConnectTimeout ?? DefaultConnectTimeout);
        cluster.UpstreamConnectionOptions = Keepalive.Upstream;
        cluster.UpstreamBindConfig = Keepalive.UpstreamBind;
        cluster.CircuitBreakers = Breakers(port.Connection);
        if (EjectsUnreachable(port))
            OutlierBuilder.Unreachable(cluster, all: hasAddress);
        else
            OutlierBuilder.Apply(port.Connection.Breaker?.Outliers, cluster);
        return cluster;
    }

    private static void AddProtocol(Cluster cluster, MeshServicePort port, HeaderCase headerCase, bool isForCopies = false)
    {
        if (HttpProtocol(port.Protocol, port.Connection.IdleTimeout, headerCase) is not { } options)
            return;
        UpstreamFilters.Apply(port.Balancing, isForCopies, options);
        if (EjectsUnreachable(port))
            options.OutlierDetection = OutlierBuilder.NotSentOnly;
        if (port.Endpoints.Count > 0 && port.Endpoints.All(endpoint => endpoint.Identity is not null))
        {
            options.ExplicitHttpConfig?.Http2ProtocolOptions.ConnectionKeepalive = Keepalive.Http2;
            options.UseDownstreamProtocolConfig?.Http2ProtocolOptions.ConnectionKeepalive = Keepalive.Http2;
        }

        cluster.TypedExtensionProtocolOptions.Add(UpstreamProtocols.OptionsName, EnvoyMessages.Pack(options));
    }

    /// <summary>Whether endpoints that cannot be reached are ejected: where requests are retried and no policy says what else is.</summary>
    public static bool EjectsUnreachable(MeshServicePort port) =>
        port.Connection is { Budget: not null, Breaker.Outliers: null } or { Budget: not null, Breaker: null };

    /// <summary>Without any identity to expect there is nothing to match, and a context that accepts whoever the CA signed must never
    /// be.</summary>
    private static void AddTransportSockets(Cluster cluster, MeshServicePort port, IEnumerable<MeshEndpoint> endpoints)
    {
        var identities = Identities(endpoints);
        if (identities.Count == 0)
            return;
        cluster.TransportSocket = MutualTls(port, identities);
        cluster.TransportSocketMatches.Add(
            new Cluster.Types.TransportSocketMatch
            {
                Name = "plaintext",
                Match = EndpointBuilder.PlaintextMark,
                TransportSocket = TlsContexts.Plaintext,
            }
        );
    }

    private static TransportSocket MutualTls(MeshServicePort port, IEnumerable<string> identities) =>
        TlsContexts.Upstream(identities, port.Service.ToString(), isHttp: port.Protocol is not PortProtocol.Tcp);

    private static List<string> Identities(IEnumerable<MeshEndpoint> endpoints) =>
        [.. endpoints.Select(endpoint => endpoint.Identity).OfType<string>().Distinct().Order(StringComparer.Ordinal)];

    /// <summary>The cluster of a service port for proxyless gRPC: the bounds are the same, the rest is not for a library. It has no
    /// transport socket, which lets the client use what its application gave it. Not every gRPC knows least request.</summary>
    public static Cluster Proxyless(MeshServicePort port, bool consistentHashing)
    {
        var cluster = Eds(Names.Outbound(port.Service, port.Port));
        cluster.CircuitBreakers = Breakers(port.Connection);
        cluster.OutlierDetection = OutlierBuilder.Proxyless(port.Connection.Breaker?.Outliers);
        if (consistentHashing)
            cluster.LbPolicy = Cluster.Types.LbPolicy.RingHash;
        else
            EndpointChoice.ApplyProxyless(port.Balancing, cluster);
        return cluster;
    }

    /// <summary>The same for the calls of a gradual shift, which the client reports to the operator.</summary>
    public static Cluster ProxylessShift(MeshServicePort port, ShiftName shift, bool consistentHashing)
    {
        var cluster = Proxyless(port, consistentHashing);
        cluster.Name = Names.Shift(new BackendTarget(port.Service, port.Port), shift);
        cluster.LrsServer = new ConfigSource { Self = new SelfConfigSource(), ResourceApiVersion = ApiVersion.V3 };
        return cluster;
    }

    /// <summary>The cluster to which proxyless gRPC sends what has no backend; see <see cref="Names.MissingBackend"/>.</summary>
    public static Cluster MissingBackend() => Eds(Names.MissingBackend);

    private static Cluster Eds(string name) =>
        new()
        {
            Name = name,
            Type = Cluster.Types.DiscoveryType.Eds,
            EdsClusterConfig = new Cluster.Types.EdsClusterConfig { EdsConfig = EnvoyMessages.Ads },
        };

    private static HttpProtocolOptions? HttpProtocol(PortProtocol protocol, TimeSpan? idleTimeout, HeaderCase headerCase)
    {
        var options = UpstreamProtocols.ForServer(protocol, headerCase);
        if (options is not null && idleTimeout is { } idle)
            options.CommonHttpProtocolOptions = new() { IdleTimeout = EnvoyMessages.Duration(idle) };
        return options;
    }

    private static CircuitBreakers Breakers(ConnectionSettings? connection)
    {
        var breaker = connection?.Breaker;
        var thresholds = new Thresholds
        {
            MaxConnections = Bound(breaker?.MaxConnections),
            MaxPendingRequests = Bound(breaker?.MaxPendingRequests),
            MaxRequests = Bound(breaker?.MaxRequests),
        };
        if (connection?.Budget is { } budget)
        {
            thresholds.RetryBudget = new Thresholds.Types.RetryBudget
            {
                BudgetPercent = new Percent { Value = budget.Percent },
                MinRetryConcurrency = (uint)budget.MinConcurrency,
            };
        }
        else if (breaker?.MaxRetries is { } retries)
        {
            thresholds.MaxRetries = (uint)retries;
        }

        return new CircuitBreakers { Thresholds = { thresholds } };
    }

    private static uint Bound(int? bound) => bound is { } number ? (uint)number : Unbounded;
}
