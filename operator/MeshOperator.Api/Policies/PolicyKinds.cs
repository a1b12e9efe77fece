namespace MeshOperator.Api.Policies;

/// <summary>The kinds of policies. Informers, webhooks, RBAC, CRDs, the chart, statuses and what a change renews all follow this
/// table.</summary>
public static class PolicyKinds
{
    /// <summary>Where the requests to a service go.</summary>
    public static readonly PolicyKind<TrafficSplit, TrafficSplitSpec> TrafficSplit = new(
        new TrafficSplitValidator(),
        spec => [new PolicyTargetReference { Name = spec.Service }],
        PolicyEffects.Routes
    );

    /// <summary>When callers retry.</summary>
    public static readonly PolicyKind<RetryPolicy, RetryPolicySpec> RetryPolicy = new(
        new RetryPolicyValidator(),
        spec => spec.TargetRefs,
        PolicyEffects.Routes
    );

    /// <summary>Mutual TLS, and who may call.</summary>
    public static readonly PolicyKind<MtlsPolicy, MtlsPolicySpec> MtlsPolicy = new(
        new MtlsPolicyValidator(),
        _ => [],
        PolicyEffects.Endpoints | PolicyEffects.Workloads
    );

    /// <summary>What callers may have in flight, and when an endpoint is ejected.</summary>
    public static readonly PolicyKind<CircuitBreaker, CircuitBreakerSpec> CircuitBreaker = new(
        new CircuitBreakerValidator(),
        spec => spec.TargetRefs,
        PolicyEffects.Routes
    );

    /// <summary>Which endpoint gets a request.</summary>
    public static readonly PolicyKind<LoadBalancingPolicy, LoadBalancingPolicySpec> LoadBalancingPolicy = new(
        new LoadBalancingPolicyValidator(),
        spec => spec.TargetRefs,
        PolicyEffects.Routes
    );

    /// <summary>How many requests a pod accepts.</summary>
    public static readonly PolicyKind<RateLimit, RateLimitSpec> RateLimit = new(
        new RateLimitValidator(),
        spec => spec.TargetRefs ?? [],
        PolicyEffects.Workloads
    );

    /// <summary>All kinds, in the order in which files and messages list them.</summary>
    public static readonly IReadOnlyList<PolicyKind> All =
    [
        TrafficSplit,
        RetryPolicy,
        MtlsPolicy,
        CircuitBreaker,
        LoadBalancingPolicy,
        RateLimit,
    ];
}
