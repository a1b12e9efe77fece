using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using Shouldly;
using Xunit;

namespace MeshOperator.Api.Tests;

public sealed class ValidatorTests
{
    private static TrafficSplitSpec Split(params TrafficSplitBackend[] backends) => new() { Service = "model", Backends = [.. backends] };

    private static TrafficSplitRule Rule(string? name) => new() { Name = name, Backends = [new() { Service = "v1" }] };

    private static TrafficSplitSpec Of(TrafficSplitRule rule)
    {
        rule.Backends = [new() { Service = "v1" }];
        return new TrafficSplitSpec { Service = "m", Rules = [rule] };
    }

    public static TheoryData<TrafficSplitSpec, string> InvalidSplits =>
        new()
        {
            {
                new TrafficSplitSpec { Service = "model" },
                "spec: set exactly one of spec.backends and spec.rules"
            },
            {
                Split(new TrafficSplitBackend { Service = "v1", Weight = -1 }, new TrafficSplitBackend { Service = "v2" }),
                "spec.backends[0].weight: -1 is not a weight; use a number from 0 to 1000000"
            },
            {
                Split(new TrafficSplitBackend { Service = "v1", Weight = 0 }),
                "spec.backends: all weights are 0; set a weight above 0 for at least one backend"
            },
            {
                Split(new TrafficSplitBackend { Service = "v1" }, new TrafficSplitBackend { Service = "v1" }),
                "spec.backends: the backend 'v1' is listed twice; list it once, with the sum of the weights"
            },
            {
                Split(new() { Service = "v1", Port = 80 }, new() { Service = "v1" }, new() { Service = "v1", Port = 80 }),
                "spec.backends: the backend 'v1:80' is listed twice; list it once, with the sum of the weights"
            },
            {
                new TrafficSplitSpec { Service = "m", Rules = [Rule("a"), Rule("b"), Rule(null), Rule(null), Rule("b")] },
                "spec.rules: two rules are named 'b'; give each rule its own name"
            },
            { Of(new TrafficSplitRule { Fault = new() }), "spec.rules[0].fault: the fault is empty; set delay or abort, or omit fault" },
            {
                Of(
                    new TrafficSplitRule
                    {
                        Fault = new()
                        {
                            Abort = new() { Status = 503, Percent = 0.00005 },
                        },
                    }
                ),
                "spec.rules[0].fault.abort.percent: 0.00005 is below the smallest supported percentage; use 0 or at least 0.0001"
            },
            {
                Split(new TrafficSplitBackend { Service = "V1" }),
                "spec.backends[0].service: 'V1' is not the name of a service; use at most 63 lower-case letters, digits and '-', "
                    + "beginning with a letter"
            },
            {
                new TrafficSplitSpec
                {
                    Service = "m",
                    Rules =
                    [
                        new TrafficSplitRule
                        {
                            Backends = [new() { Service = "v1" }],
                            Timeouts = new RouteTimeouts { Request = "soon" },
                        },
                    ],
                },
                "spec.rules[0].timeouts.request: 'soon' is not a duration; write a number and a unit, such as 500ms, 10s or 1m30s"
            },
            {
                new TrafficSplitSpec
                {
                    Service = "m",
                    Rules =
                    [
                        new TrafficSplitRule
                        {
                            Backends = [new() { Service = "v1" }],
                            Matches =
                            [
                                new()
                                {
                                    Path = new PathMatch { Type = PathMatchType.RegularExpression, Value = "(" },
                                },
                            ],
                        },
                    ],
                },
                "spec.rules[0].matches[0].path.value: the path '(' is not a valid RE2 regular expression: at character 1, the group "
                    + "is not closed; write \\( to match the character itself"
            },
        };

    [Theory]
    [MemberData(nameof(InvalidSplits))]
    public void An_invalid_split_is_refused_with_field_and_fix(TrafficSplitSpec spec, string message) =>
        ValidationText.Describe(new TrafficSplitValidator().Validate(spec)).ShouldBe(message);

    [Theory]
    [InlineData(0)]
    [InlineData(0.0001)]
    [InlineData(100)]
    public void A_percentage_may_be_of_millionths(double percent) =>
        ValidationText
            .Describe(
                new TrafficSplitValidator().Validate(
                    Of(
                        new TrafficSplitRule
                        {
                            Mirror = new() { Service = "v2", Percent = percent },
                        }
                    )
                )
            )
            .ShouldBeEmpty();

    [Fact]
    public void A_valid_split_passes() =>
        new TrafficSplitValidator()
            .Validate(
                Split(new TrafficSplitBackend { Service = "v1", Weight = 90 }, new TrafficSplitBackend { Service = "v2", Weight = 0 })
            )
            .IsValid.ShouldBeTrue();

    public static TheoryData<RetryPolicySpec, string> InvalidRetryPolicies =>
        new()
        {
            {
                new RetryPolicySpec
                {
                    Backoff = new() { Base = "1s", Max = "10ms" },
                },
                "spec.backoff.max: 10ms is shorter than the first pause, 1s; make it longer, or omit it for ten times the first pause"
            },
            {
                new RetryPolicySpec { Backoff = new() { Max = "10ms" } },
                "spec.backoff.max: 10ms is shorter than the first pause, 25ms; make it longer, or omit it for ten times the first pause"
            },
            {
                new RetryPolicySpec { Backoff = new() { Base = "0s" } },
                "spec.backoff.base: 0s is too short; use at least 1ms"
            },
            {
                new RetryPolicySpec
                {
                    PerTryTimeout = "3s",
                    Timeouts = new() { Request = "2s" },
                },
                "spec.perTryTimeout: 3s is longer than timeouts.request, 2s, so it never ends an attempt; make it shorter, or omit it"
            },
            {
                new RetryPolicySpec { RetryOn = [RetryCondition.Unavailable] },
                NeedsPost
            },
            {
                new RetryPolicySpec { RetryOn = [RetryCondition.ConnectFailure, RetryCondition.Internal], Methods = ["GET"] },
                NeedsPost
            },
        };

    private const string NeedsPost =
        "spec.methods: gRPC calls are POST, which the methods do not include; add POST if the calls may be repeated";

    [Theory]
    [MemberData(nameof(InvalidRetryPolicies))]
    public void An_invalid_retry_policy_is_refused_with_field_and_fix(RetryPolicySpec spec, string message) =>
        OfRetries(spec).ShouldBe(message);

    public static TheoryData<RetryPolicySpec> ValidRetryPolicies =>
        [
            new RetryPolicySpec(),
            new RetryPolicySpec { Backoff = new() { Base = "1s" } },
            new RetryPolicySpec
            {
                PerTryTimeout = "2s",
                Timeouts = new() { Request = "2s" },
            },
            new RetryPolicySpec
            {
                PerTryTimeout = "2s",
                Timeouts = new() { Request = "0s" },
            },
            new RetryPolicySpec { RetryOn = [RetryCondition.Unavailable], Methods = ["POST"] },
            new RetryPolicySpec { RetryOn = [RetryCondition.Unavailable, RetryCondition.GatewayError] },
            new RetryPolicySpec { RetryOn = [RetryCondition.Unavailable], RetriableStatusCodes = [429] },
            new RetryPolicySpec { RetryOn = [RetryCondition.ConnectFailure] },
        ];

    [Theory]
    [MemberData(nameof(ValidRetryPolicies))]
    public void A_valid_retry_policy_passes(RetryPolicySpec spec) => OfRetries(spec).ShouldBeEmpty();

    private static string OfRetries(RetryPolicySpec spec)
    {
        spec.TargetRefs = [Service("a")];
        return ValidationText.Describe(new RetryPolicyValidator().Validate(spec));
    }

    private static PolicyTargetReference Service(string name) => new() { Kind = PolicyTargetKind.Service, Name = name };

    public static TheoryData<LoadBalancingPolicySpec, string> InvalidLoadBalancingPolicies =>
        new()
        {
            {
                new LoadBalancingPolicySpec { TargetRefs = [Service("a")], Method = LoadBalancingMethod.Hash },
                "spec.hash: hash belongs to the method Hash; set both or neither"
            },
            {
                new LoadBalancingPolicySpec
                {
                    TargetRefs = [Service("a")],
                    Hash = new StickySessions { Header = "x-user" },
                },
                "spec.hash: hash belongs to the method Hash; set both or neither"
            },
            {
                new LoadBalancingPolicySpec
                {
                    TargetRefs = [Service("a")],
                    Method = LoadBalancingMethod.Hash,
                    Hash = new StickySessions { Header = "x-user", SourceIP = true },
                },
                "spec.hash: set exactly one of cookie, header and sourceIP"
            },
            {
                new LoadBalancingPolicySpec
                {
                    TargetRefs = [Service("a")],
                    Method = LoadBalancingMethod.Random,
                    SlowStart = new SlowStartSpec { Window = "10s" },
                },
                "spec.slowStart: the methods Random and Hash have no slow start; remove slowStart, or use another method"
            },
            {
                new LoadBalancingPolicySpec
                {
                    TargetRefs = [Service("a")],
                    SlowStart = new SlowStartSpec { Window = "0s" },
                },
                "spec.slowStart.window: '0s' is not above 0; write for example 10s"
            },
            {
                new LoadBalancingPolicySpec
                {
                    TargetRefs = [Service("a")],
                    SlowStart = new SlowStartSpec { Window = "10s", MinWeightPercent = 0 },
                },
                "spec.slowStart.minWeightPercent: 0 is not a part of the share in percent; use a number from 1 to 100"
            },
            {
                new LoadBalancingPolicySpec { TargetRefs = [Service("a")], PanicThreshold = 101 },
                "spec.panicThreshold: 101 is not a percentage; use a number from 0 to 100"
            },
            {
                new LoadBalancingPolicySpec { TargetRefs = [Service("a")], Utilization = new UtilizationSpec() },
                "spec.utilization: utilization is for the method Utilization only; set that method, or remove utilization"
            },
            {
                new LoadBalancingPolicySpec
                {
                    TargetRefs = [Service("a")],
                    Method = LoadBalancingMethod.Utilization,
                    Utilization = new UtilizationSpec { MetricNames = ["kv_cache"], ExpirationPeriod = "0s" },
                },
                "spec.utilization.metricNames[0]: 'kv_cache' is not a metric of load reports; use named_metrics.NAME, utilization.NAME, "
                    + "cpu_utilization, mem_utilization or application_utilization; NAME can be * for all; "
                    + "spec.utilization.expirationPeriod: '0s' is not above 0; write for example 10s"
            },
        };

    [Theory]
    [MemberData(nameof(InvalidLoadBalancingPolicies))]
    public void An_invalid_load_balancing_policy_is_refused_with_field_and_fix(LoadBalancingPolicySpec spec, string message) =>
        ValidationText.Describe(new LoadBalancingPolicyValidator().Validate(spec)).ShouldBe(message);

    public static TheoryData<CircuitBreakerSpec, string> InvalidCircuitBreakers =>
        new()
        {
            {
                new CircuitBreakerSpec { TargetRefs = [Service("a")] },
                "spec: the circuit breaker sets no limit; set at least one of maxConnections, maxPendingRequests, maxRequests, "
                    + "maxRetries and outlierDetection"
            },
            {
                new CircuitBreakerSpec { TargetRefs = [Service("a")], MaxRequests = 0 },
                "spec.maxRequests: 0 is too small; use at least 1"
            },
            {
                new CircuitBreakerSpec { TargetRefs = [new() { Kind = PolicyTargetKind.TrafficSplit, Name = "a" }], MaxRequests = 1 },
                "spec.targetRefs: a target must be a Service"
            },
            {
                new CircuitBreakerSpec { TargetRefs = [Service("a"), Service("a")], MaxRequests = 1 },
                "spec.targetRefs: Service 'a' is listed twice; remove one of the two"
            },
            {
                new CircuitBreakerSpec
                {
                    TargetRefs = [Service("a")],
                    OutlierDetection = new() { Consecutive5xx = 0 },
                },
                "spec.outlierDetection.consecutive5xx: no error counts; set consecutive5xx or consecutiveGatewayErrors above 0"
            },
            {
                new CircuitBreakerSpec
                {
                    TargetRefs = [Service("a")],
                    OutlierDetection = new() { Interval = "0s" },
                },
                "spec.outlierDetection.interval: '0s' is not above 0; write for example 10s"
            },
        };

    [Theory]
    [MemberData(nameof(InvalidCircuitBreakers))]
    public void An_invalid_circuit_breaker_is_refused_with_field_and_fix(CircuitBreakerSpec spec, string message) =>
        ValidationText.Describe(new CircuitBreakerValidator().Validate(spec)).ShouldBe(message);

    public static TheoryData<RateLimitSpec, string> InvalidRateLimits =>
        new()
        {
            {
                new RateLimitSpec { Limits = [new() { Requests = 1 }] },
                "spec: set exactly one of spec.selector and spec.targetRefs"
            },
            {
                new RateLimitSpec { TargetRefs = [Service("a")] },
                "spec: nothing is limited; set at least one of limits and queue"
            },
            {
                new RateLimitSpec { TargetRefs = [Service("a")], Limits = [new() { Requests = 0 }] },
                "spec.limits[0].requests: 0 is too small; use at least 1"
            },
            {
                new RateLimitSpec { TargetRefs = [Service("a")], Limits = [new() { Requests = 1, Match = new() }] },
                "spec.limits[0].match: the match is empty; set at least one of path, method and headers, or omit match"
            },
            {
                new RateLimitSpec
                {
                    TargetRefs = [Service("a")],
                    Limits =
                    [
                        new()
                        {
                            Requests = 1,
                            Match = new() { Path = new() { Value = "api" } },
                        },
                    ],
                },
                "spec.limits[0].match.path.value: the path 'api' does not begin with '/'; add it"
            },
            { Limited(new() { Requests = 1, Per = new() }), "spec.limits[0].per: set exactly one of header and identity" },
            {
                Limited(
                    new()
                    {
                        Requests = 1,
                        Per = new() { Header = "x-key", Identity = "serviceAccount" },
                    }
                ),
                "spec.limits[0].per: set exactly one of header and identity"
            },
            {
                Limited(
                    new()
                    {
                        Requests = 1,
                        Per = new() { Header = "x%key" },
                    }
                ),
                "spec.limits[0].per.header: 'x%key' is not supported as a header here; use one with letters, digits, '-' and '_' only"
            },
            {
                Limited(
                    new()
                    {
                        Requests = 1,
                        Per = new() { Identity = "pod" },
                    }
                ),
                "spec.limits[0].per.identity: 'pod' is not an identity; write serviceAccount"
            },
            {
                Limited(
                    new()
                    {
                        Requests = 1,
                        Cost = new() { Requests = 0 },
                    }
                ),
                "spec.limits[0].cost.requests: 0 is too small; use at least 1"
            },
            {
                Limited(
                    new()
                    {
                        Requests = 1,
                        Cost = new() { Header = "x:tokens" },
                    }
                ),
                "spec.limits[0].cost.header: 'x:tokens' is not supported as a header here; use one with letters, digits, '-' and '_' only"
            },
            {
                Limited(
                    new()
                    {
                        Requests = 10,
                        Burst = 2,
                        Cost = new() { Requests = 3 },
                    }
                ),
                "spec.limits[0].cost.requests: 3 is more than the burst of 2, so no request would be accepted; lower it or raise burst"
            },
        };

    private static RateLimitSpec Limited(RequestLimit limit) => new() { TargetRefs = [Service("a")], Limits = [limit] };

    [Theory]
    [MemberData(nameof(InvalidRateLimits))]
    public void An_invalid_rate_limit_is_refused_with_field_and_fix(RateLimitSpec spec, string message) =>
        ValidationText.Describe(new RateLimitValidator().Validate(spec)).ShouldBe(message);

    private const string EmptyList = "the list is empty; list at least one item, or omit the field to match all";

    public static TheoryData<MtlsPolicySpec, string> InvalidMtlsPolicies =>
        new()
        {
            {
                new MtlsPolicySpec { Allow = [new AccessRule()] },
                "spec.allow[0]: the rule is empty; set at least one field"
            },
            {
                new MtlsPolicySpec { Deny = [new AccessRule { Identities = ["spiffe://*/ns/shop"] }] },
                "spec.deny[0].identities[0]: 'spiffe://*/ns/shop' is not an identity; write "
                    + "spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT, with a * only at the end"
            },
            {
                new MtlsPolicySpec { Allow = [new AccessRule { Paths = ["admin"] }] },
                "spec.allow[0].paths[0]: 'admin' is not a path; begin it with '/', and use a * only at the end"
            },
            {
                new MtlsPolicySpec { Deny = [new AccessRule { Paths = ["/admin?x=1"] }] },
                "spec.deny[0].paths[0]: '/admin?x=1' has a query or fragment, which is not part of the path; remove it"
            },
            {
                new MtlsPolicySpec { Deny = [new AccessRule { Paths = ["/*/admin"] }] },
                "spec.deny[0].paths[0]: '/*/admin' is not a path; begin it with '/', and use a * only at the end"
            },
            {
                new MtlsPolicySpec { Allow = [] },
                "spec.allow: the list is empty; omit allow to let everybody call, or to refuse all calls write deny: [{ports: […]}] "
                    + "with the ports of the workload"
            },
            {
                new MtlsPolicySpec { Allow = [new AccessRule { Identities = [], Ports = [80] }] },
                $"spec.allow[0].identities: {EmptyList}"
            },
            {
                new MtlsPolicySpec { Allow = [new AccessRule { ServiceAccounts = [], Ports = [80] }] },
                $"spec.allow[0].serviceAccounts: {EmptyList}"
            },
            {
                new MtlsPolicySpec { Allow = [new AccessRule { Namespaces = [], Ports = [80] }] },
                $"spec.allow[0].namespaces: {EmptyList}"
            },
            {
                new MtlsPolicySpec { Allow = [new AccessRule { Ports = [] }] },
                $"spec.allow[0].ports: {EmptyList}"
            },
            {
                new MtlsPolicySpec { Allow = [new AccessRule { Methods = [] }] },
                $"spec.allow[0].methods: {EmptyList}"
            },
            {
                new MtlsPolicySpec { Deny = [new AccessRule { Paths = [] }] },
                $"spec.deny[0].paths: {EmptyList}"
            },
            {
                new MtlsPolicySpec { Tls = new TlsParameters { MinVersion = "1.1" } },
                "spec.tls.minVersion: '1.1' is not a supported TLS version; use 1.2 or 1.3"
            },
            {
                new MtlsPolicySpec
                {
                    Tls = new TlsParameters { MinVersion = "1.3", CipherSuites = ["ECDHE-RSA-AES128-GCM-SHA256"] },
                },
                "spec.tls.cipherSuites: cipher suites apply only to TLS 1.2, which minVersion 1.3 excludes; omit cipherSuites"
            },
            {
                new MtlsPolicySpec { PortModes = new() { ["http"] = MtlsPolicyMode.Strict } },
                "spec.portModes[http]: 'http' is not a port; use a number from 1 to 65535"
            },
        };

    [Theory]
    [MemberData(nameof(InvalidMtlsPolicies))]
    public void An_invalid_mtls_policy_is_refused_with_field_and_fix(MtlsPolicySpec spec, string message) =>
        ValidationText.Describe(new MtlsPolicyValidator().Validate(spec)).ShouldBe(message);

    [Fact]
    public void All_calls_of_a_workload_can_be_refused() =>
        new MtlsPolicyValidator().Validate(new MtlsPolicySpec { Deny = [new AccessRule { Ports = [8080, 9090] }] }).IsValid.ShouldBeTrue();

    [Theory]
    [InlineData("1h2m3s4ms", 3723004)]
    [InlineData("250ms", 250)]
    [InlineData("0s", 0)]
    public void Durations_are_read_as_in_the_gateway_api(string text, double milliseconds)
    {
        MeshDuration.TryParse(text, out var duration).ShouldBeTrue();
        duration.TotalMilliseconds.ShouldBe(milliseconds);
    }

    [Theory]
    [InlineData("1.5s")]
    [InlineData("-1s")]
    [InlineData("1")]
    [InlineData("")]
    [InlineData("1d")]
    [InlineData("123456s")]
    public void What_is_no_duration_is_refused(string text) => MeshDuration.TryParse(text, out _).ShouldBeFalse();
}
