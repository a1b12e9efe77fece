using System.Collections.Concurrent;
using System.Net;
using Envoy.Config.Cluster.V3;
using Envoy.Config.Core.V3;
using Envoy.Config.Endpoint.V3;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Proxy.Resources;
using MeshOperator.Proxy.Routing;
using MeshOperator.Proxy.Statistics;
using MeshOperator.Proxy.Tls;
using DiscoveryType = Envoy.Config.Cluster.V3.Cluster.Types.DiscoveryType;
using Protocols = Envoy.Extensions.Upstreams.Http.V3.HttpProtocolOptions;

namespace MeshOperator.Proxy.Upstream;

/// <summary>Servers that requests and connections go to.</summary>
internal sealed class UpstreamCluster : IDisposable
{
    private const string OptionsName = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    private const double DefaultPanic = 50;
    private static readonly TimeSpan DefaultConnectTimeout = TimeSpan.FromSeconds(5);

    private readonly IReadOnlyList<(Struct Marks, UpstreamTransport Transport)> _matches;
    private readonly UpstreamTransport _transport;
    private readonly LoadBalancer _balancer;
    private readonly OutlierEjection? _outliers;
    private readonly double _panic;
    private readonly ConcurrentDictionary<string, UpstreamHost> _chosen = new(StringComparer.Ordinal);
    private volatile UpstreamHost[] _hosts = [];

    /// <summary>Makes a cluster.</summary>
    /// <exception cref="ArgumentException">Something in it cannot be had here.</exception>
    public UpstreamCluster(Cluster cluster, SecretStore secrets, ProxyStatistics statistics, TimeProvider time)
    {
        Name = cluster.Name;
        StatName = cluster.AltStatName.Length > 0 ? cluster.AltStatName : cluster.Name;
        IsOfShift = StatName.Contains("/shift/", StringComparison.Ordinal);
        IsForChosenEndpoints = cluster.Type is DiscoveryType.OriginalDst;
        EndpointsName = cluster.Type is DiscoveryType.Eds ? ResourceReferences.FindEndpointsName(cluster) : null;
        Statistics = statistics;
        Protocols = cluster.TypedExtensionProtocolOptions.TryGetValue(OptionsName, out var options)
            ? ResourceReader.Unpack(options) as Protocols
            : null;
        Breaker = new CircuitBreaker(cluster.CircuitBreakers);
        _balancer = LoadBalancer.Create(cluster);
        _outliers = cluster.OutlierDetection is { } detection ? new OutlierEjection(detection, Protocols, time) : null;
        _panic = cluster.CommonLbConfig?.HealthyPanicThreshold?.Value ?? DefaultPanic;
        var connector = new UpstreamConnector(
            cluster.ConnectTimeout?.ToTimeSpan() ?? DefaultConnectTimeout,
            Sources(cluster.UpstreamBindConfig),
            time,
            isOpened => statistics.Count("cluster", StatName, isOpened ? "upstream_cx_total" : "upstream_cx_connect_fail")
        );
        _transport = new UpstreamTransport(TlsSettings.Create(cluster.TransportSocket, secrets), connector, Protocols);
        _matches =
        [
            .. cluster.TransportSocketMatches.Select(match =>
                (
                    match.Match ?? new Struct(),
                    new UpstreamTransport(TlsSettings.Create(match.TransportSocket, secrets), connector, Protocols)
                )
            ),
        ];
        if (cluster.Type is DiscoveryType.Static or DiscoveryType.StrictDns or DiscoveryType.LogicalDns)
            SetEndpoints(cluster.LoadAssignment ?? new ClusterLoadAssignment());
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Its name in statistics.</summary>
    public string StatName { get; }

    /// <summary>Whether it is for the requests of a gradual shift, of which is noted how long they take.</summary>
    public bool IsOfShift { get; }

    /// <summary>Whether a request goes to the endpoint that its host names.</summary>
    public bool IsForChosenEndpoints { get; }

    /// <summary>The name of its endpoints, when they are a resource of their own.</summary>
    public string? EndpointsName { get; }

    /// <summary>How HTTP is spoken to it; null when nothing is said.</summary>
    public Protocols? Protocols { get; }

    /// <summary>Whether a request has a connection for itself: with HTTP/1.1, and where one stream is all that a connection may carry, by
    /// which requests wait for their turn.</summary>
    public bool NeedsConnection(Version version) => version == HttpVersion.Version11 || Streams is 1;

    /// <summary>The bounds of what it has to do.</summary>
    public CircuitBreaker Breaker { get; }

    /// <summary>Where it counts.</summary>
    public ProxyStatistics Statistics { get; }

    /// <summary>Its endpoints.</summary>
    public IReadOnlyList<UpstreamHost> Hosts => _hosts;

    /// <summary>How many endpoints are not ejected.</summary>
    public int Healthy => _hosts.Count(host => !IsEjected(host));

    private uint? Streams =>
        (
            Protocols?.ExplicitHttpConfig?.Http2ProtocolOptions ?? Protocols?.UseDownstreamProtocolConfig?.Http2ProtocolOptions
        )?.MaxConcurrentStreams;

    /// <summary>Whether an endpoint is ejected.</summary>
    public bool IsEjected(UpstreamHost host) => _outliers?.IsEjected(host) ?? false;

    /// <summary>Replaces the endpoints. What is known of those that stay is kept.</summary>
    public void SetEndpoints(ClusterLoadAssignment assignment)
    {
        var before = _hosts;
        _hosts =
        [
            .. assignment
                .Endpoints.SelectMany(locality => locality.LbEndpoints.Select(endpoint => new UpstreamHost(endpoint, locality.Priority)))
                .Select(host => Array.Find(before, host.IsSame) ?? host),
        ];
    }

    /// <summary>Takes the endpoints of the cluster that this one replaces.</summary>
    public void TakeEndpoints(UpstreamCluster before) => _hosts = before._hosts;

    /// <summary>Chooses an endpoint; null when there is none.</summary>
    /// <param name="hash">The hash of the client, for clusters that go by it.</param>
    /// <param name="tried">Endpoints that were tried for the request.</param>
    /// <param name="retry">Says whether those are avoided; null for a first attempt.</param>
    public UpstreamHost? Choose(ulong? hash, IReadOnlyCollection<UpstreamHost> tried, RetryPlan? retry)
    {
        var hosts = retry?.AttemptsAtGroup <= tried.Count && FindAfter(tried) is { Length: > 0 } later ? later : Eligible(_hosts);
        var chosen = _balancer.Choose(hosts, hash);
        if (chosen is null || retry is not { AvoidsPreviousHosts: true } || !tried.Contains(chosen))
            return chosen;
        if (_balancer.IsHashing)
            return _balancer.Choose([.. hosts.Except(tried)], hash) ?? chosen;
        for (var i = 0; i < retry.HostSelections && tried.Contains(chosen); i++)
            chosen = _balancer.Choose(hosts, hash)!;
        return chosen;
    }

    /// <summary>The endpoint at an address and port; null without one.</summary>
    public UpstreamHost? FindChosen(string? endpoint) =>
        endpoint is null ? null : _chosen.GetOrAdd(endpoint, static endpoint => UpstreamHost.Create(IPEndPoint.Parse(endpoint)));

    /// <summary>How an endpoint is connected to.</summary>
    public UpstreamTransport GetTransport(UpstreamHost host)
    {
        if (host.Marks is { } marks)
        {
            foreach (var (wanted, transport) in _matches)
            {
                if (wanted.Fields.All(field => marks.Fields.TryGetValue(field.Key, out var value) && value.Equals(field.Value)))
                    return transport;
            }
        }

        return _transport;
    }

    /// <summary>The version of HTTP that is spoken, when the client speaks <paramref name="downstream"/>.</summary>
    public Version VersionFor(string downstream) =>
        Protocols?.ExplicitHttpConfig is { } fixedVersion
            ? (fixedVersion.Http2ProtocolOptions is null ? HttpVersion.Version11 : HttpVersion.Version20)
        : Protocols?.UseDownstreamProtocolConfig is not null && Microsoft.AspNetCore.Http.HttpProtocol.IsHttp2(downstream)
            ? HttpVersion.Version20
        : HttpVersion.Version11;

    /// <summary>Notes a response for the detection of endpoints that fail.</summary>
    public void Answered(UpstreamHost host, int status, Func<string, string?> header) => _outliers?.Answered(host, _hosts, status, header);

    /// <summary>Notes that an endpoint gave no response.</summary>
    public void Failed(UpstreamHost host) => _outliers?.Failed(host, _hosts);

    /// <summary>Ends kept connections.</summary>
    public void Dispose()
    {
        _transport.Dispose();
        foreach (var (_, transport) in _matches)
            transport.Dispose();
    }

    /// <summary>Those of the group after the ones that were tried.</summary>
    private UpstreamHost[] FindAfter(IReadOnlyCollection<UpstreamHost> tried)
    {
        var last = tried.Max(host => host.Priority);
        return Eligible(Array.FindAll(_hosts, host => host.Priority > last));
    }

    /// <summary>Those of the first group of which one is not ejected; of the first when all are. Envoy goes over to the next group bit by
    /// bit.</summary>
    private UpstreamHost[] Eligible(UpstreamHost[] all)
    {
        var hosts = all;
        if (Array.Exists(all, host => host.Priority > 0))
        {
            var first = all.Where(host => !IsEjected(host)).Select(host => host.Priority).DefaultIfEmpty(0U).Min();
            hosts = Array.FindAll(all, host => host.Priority == first);
        }

        return WithoutEjected(hosts);
    }

    /// <summary>Those that are not ejected, or all when too few are left.</summary>
    private UpstreamHost[] WithoutEjected(UpstreamHost[] hosts)
    {
        if (_outliers is null || !Array.Exists(hosts, IsEjected))
            return hosts;
        var healthy = Array.FindAll(hosts, host => !IsEjected(host));
        return healthy.Length * 100.0 / hosts.Length < _panic ? hosts : healthy;
    }

    private static IReadOnlyList<IPEndPoint> Sources(BindConfig? bind) =>
        bind is null
            ? []
            :
            [
                .. bind
                    .ExtraSourceAddresses.Select(extra => extra.Address)
                    .Prepend(bind.SourceAddress)
                    .Where(address => address is not null)
                    .Select(address => new IPEndPoint(IPAddress.Parse(address.Address), (int)address.PortValue)),
            ];
}
