namespace MeshOperator.Mesh.Model;

/// <summary>A service and what is known of each of its ports.</summary>
public sealed record MeshService(ServiceName Name, ValueList<MeshServicePort> Ports);

/// <summary>One port of a service: the unit of a cluster, its endpoints, a listener and a route resource.</summary>
public sealed record MeshServicePort
{
    /// <summary>The service.</summary>
    public required ServiceName Service { get; init; }

    /// <summary>The service's port, 1 to 65535.</summary>
    public required int Port { get; init; }

    /// <summary>How its bytes are understood.</summary>
    public required PortProtocol Protocol { get; init; }

    /// <summary>The cluster IPs, IPv4 or IPv6, on which clients reach it; empty for a headless service.</summary>
    public ValueList<string> Addresses { get; init; } = [];

    /// <summary>Further addresses on which clients reach it: external IPs and those of a load balancer.</summary>
    public ValueList<string> ExternalAddresses { get; init; } = [];

    /// <summary>The address at which its node takes a client to an endpoint; null where that may be another one than clients are sent to
    /// here, or there is no such address.</summary>
    public string? NodeAddress { get; init; }

    /// <summary>Whether clients may only be sent to endpoints on their own node.</summary>
    public bool StaysOnNode { get; init; }

    /// <summary>Whether clients choose an endpoint themselves and connect to its address.</summary>
    public bool IsHeadless { get; init; }

    /// <summary>Its endpoints, ordered by address and port: those that are ready, or where there are none those that are ending but still
    /// answer.</summary>
    public ValueList<MeshEndpoint> Endpoints { get; init; } = [];

    /// <summary>Routes of HTTP requests in order of precedence, the last one matching everything. Used for every protocol but
    /// <see cref="PortProtocol.Tcp"/>.</summary>
    public required ValueList<HttpRoute> Routes { get; init; }

    /// <summary>Where TCP connections go, by weight; used for <see cref="PortProtocol.Tcp"/>, and for <see cref="PortProtocol.Detect"/>
    /// when the bytes are not HTTP.</summary>
    public required ValueList<WeightedBackend> TcpBackends { get; init; }

    /// <summary>Whether a client's TCP connections are kept at one endpoint, by its address.</summary>
    public bool TcpHashesClient { get; init; }

    /// <summary>The backends of routes that keep clients at one endpoint of several services.</summary>
    public ValueList<StickyPool> Pools { get; init; } = [];

    /// <summary>The gradual shifts whose requests come here, each counted by itself. Ordered.</summary>
    public ValueList<ShiftName> Shifts { get; init; } = [];

    /// <summary>Whether copies of requests come here that are of no gradual shift.</summary>
    public bool IsMirror { get; init; }

    /// <summary>How connections to the endpoints are kept.</summary>
    public ConnectionSettings Connection { get; init; } = ConnectionSettings.Default;

    /// <summary>How one of the endpoints is chosen.</summary>
    public BalancingSettings Balancing { get; init; } = BalancingSettings.Default;

    /// <summary>The policies whose effect is in <see cref="Routes"/> and <see cref="TcpBackends"/>; they count as programmed when the
    /// resource made of those is acknowledged.</summary>
    public ValueList<PolicyKey> RoutePolicies { get; init; } = [];

    /// <summary>The policies whose effect is in the cluster (<see cref="Connection"/> and <see cref="Balancing"/>).</summary>
    public ValueList<PolicyKey> ClusterPolicies { get; init; } = [];
}

/// <summary>One address that serves a port.</summary>
/// <param name="Address">An IP address.</param>
/// <param name="Port">The target port.</param>
/// <param name="Identity">The SPIFFE identity with which it answers mutual TLS, or null when clients must use plaintext (not
/// meshed, or mutual TLS is disabled there).</param>
/// <param name="Zone">The topology zone, if known.</param>
public sealed record MeshEndpoint(string Address, int Port, string? Identity, string? Zone)
{
    /// <summary>The pod with a proxy behind it, or null.</summary>
    public WorkloadName? Workload { get; init; }

    /// <summary>The same endpoint's address of the other IP family, or null.</summary>
    public string? OtherAddress { get; init; }

    /// <summary>The host name by which DNS knows it within a headless service, as <c>web-0</c> of <c>web-0.web.shop.svc</c>; null where it
    /// has none.</summary>
    public string? Hostname { get; init; }

    /// <summary>The nodes whose clients it is for first; of a port with <see cref="MeshServicePort.StaysOnNode"/>, for alone. Empty where
    /// nodes do not matter.</summary>
    public ValueList<string> Nodes { get; init; } = [];

    /// <summary>The zones whose clients it is for, before those elsewhere; empty where zones do not matter.</summary>
    public ValueList<string> Zones { get; init; } = [];

    /// <summary>Whether it is ending, and only for clients of a headless service that have chosen it already.</summary>
    public bool IsDraining { get; init; }
}

/// <summary>The endpoints of all backends of a route, each with a weight such that the backends have their shares. From one set a client
/// can be kept at one endpoint; from clusters drawn by weight it cannot.</summary>
/// <param name="Name">The name of the first route that uses it; unique within the port.</param>
/// <param name="Members">The endpoints.</param>
public sealed record StickyPool(string Name, ValueList<PoolMember> Members);

/// <summary>An endpoint of a pool.</summary>
/// <param name="Endpoint">The endpoint.</param>
/// <param name="Weight">1 to 1,000,000, relative to the sum of the weights.</param>
public sealed record PoolMember(MeshEndpoint Endpoint, int Weight);

/// <summary>How connections to a port's endpoints are kept, and bounds on what is in flight to them.</summary>
/// <param name="ConnectTimeout">For the TCP handshake; null means 5 s.</param>
/// <param name="IdleTimeout">After which an unused connection is closed; null means Envoy's default.</param>
/// <param name="Budget">How many retries may be in flight at once; null means <see cref="BreakerSettings.MaxRetries"/>.</param>
/// <param name="Breaker">Bounds on connections and requests; null means none.</param>
public sealed record ConnectionSettings(
    TimeSpan? ConnectTimeout = null,
    TimeSpan? IdleTimeout = null,
    RetryBudget? Budget = null,
    BreakerSettings? Breaker = null
)
{
    /// <summary>What holds without a policy. Only what has not begun is tried again, which is no load for a server. When a connection
    /// fails, all requests that wait for it fail at once, and no longer count as in flight: a share of those would be for half of
    /// them.</summary>
    public static ConnectionSettings Default { get; } = new(Budget: new RetryBudget(100, MinConcurrency: 1_000_000));
}

/// <summary>Bounds the retries in flight from one proxy to one cluster.</summary>
/// <param name="Percent">0 to 100 percent of the active and pending requests.</param>
/// <param name="MinConcurrency">Retries that are always allowed, however few requests there are.</param>
public sealed record RetryBudget(double Percent, int MinConcurrency);

/// <summary>Bounds what is in flight from one proxy to one cluster; null means no bound.</summary>
/// <param name="MaxConnections">Connections at once, at least 1.</param>
/// <param name="MaxPendingRequests">Requests that wait for a connection, at least 1.</param>
/// <param name="MaxRequests">Requests in flight, at least 1.</param>
/// <param name="MaxRetries">Retries in flight; null means Envoy's default of 3.</param>
/// <param name="Outliers">When an endpoint that fails is ejected; null means never.</param>
public sealed record BreakerSettings(
    int? MaxConnections,
    int? MaxPendingRequests,
    int? MaxRequests,
    int? MaxRetries,
    OutlierDetection? Outliers
);

/// <summary>When an endpoint that fails is ejected for a while.</summary>
/// <param name="Consecutive5xx">Answers 5xx in a row, failed connections included; 0 means that they do not count.</param>
/// <param name="ConsecutiveGatewayErrors">Answers 502, 503 or 504 in a row; 0 means that they do not count.</param>
/// <param name="Interval">How often endpoints are looked at.</param>
/// <param name="BaseEjectionTime">How long an endpoint is ejected the first time.</param>
/// <param name="MaxEjectionPercent">1 to 100 percent of the endpoints that may be ejected at once.</param>
public sealed record OutlierDetection(
    int Consecutive5xx,
    int ConsecutiveGatewayErrors,
    TimeSpan Interval,
    TimeSpan BaseEjectionTime,
    int MaxEjectionPercent
);
