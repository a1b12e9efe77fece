using CsCheck;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Xds.Tests.Properties;

/// <summary>Random policies, valid as the validators leave them. Several are of one age, so that their names decide.</summary>
internal static class RandomPolicies
{
    private static readonly Gen<int?> MaybePort = Gen.OneOf<int?>(null, null, null, null, null, null, 80, 81, 5432, 9999);

    /// <summary>Round numbers too: Envoy draws one number for several things, which goes wrong where sums have a common divisor.</summary>
    private static readonly Gen<int> Weight = Gen.OneOf(Gen.Int[0, 5], Gen.Int[0, 20].Select(i => i * 50_000), Gen.Int[0, 1_000_000]);

    private static readonly Gen<TrafficSplitBackend> Backend = Gen.Select(
        RandomNames.Services,
        MaybePort,
        Weight,
        (service, port, weight) =>
            new TrafficSplitBackend
            {
                Service = service,
                Port = port,
                Weight = weight,
            }
    );

    /// <summary>At least one weight is above 0, and no backend is named twice.</summary>
    private static readonly Gen<List<TrafficSplitBackend>> Backends = Gen.Select(
        Backend.Array[0, 4],
        Backend,
        (some, last) =>
        {
            if (last.Weight == 0)
                last.Weight = 1;
            return some.Append(last).Reverse().DistinctBy(b => (b.Service, b.Port)).ToList();
        }
    );

    private static readonly Gen<HttpRequestMatch> Match = Gen.Select(
        Gen.Int[0, 5],
        Gen.OneOf("/a", "/a/b", "/"),
        Gen.OneOf<string?>(null, "GET", "POST"),
        (kind, path, method) =>
            new HttpRequestMatch
            {
                Path = kind switch
                {
                    0 => null,
                    1 => new PathMatch { Type = PathMatchType.Exact, Value = path },
                    2 => new PathMatch { Type = PathMatchType.RegularExpression, Value = $"{path}[0-9]+" },
                    _ => new PathMatch { Value = path },
                },
                Method = method,
                Headers = kind == 4 ? [new ValueMatch { Name = "x-canary", Value = "1" }] : null,
            }
    );

    private static readonly Gen<TrafficSplitRule> Rule = Gen.Select(
        Match.Array[0, 2],
        Backends,
        RandomNames.Services,
        Gen.Int[0, 7],
        (matches, backends, mirror, kind) =>
            new TrafficSplitRule
            {
                Matches = [.. matches],
                Backends = backends,
                Mirror = kind is 0 or 1 ? new RequestMirror { Service = mirror, Percent = kind * 50 } : null,
                Sticky = kind switch
                {
                    2 => new StickySessions { Header = "x-user" },
                    5 => new StickySessions { Cookie = new StickyCookie { Name = "cart" } },
                    6 => new StickySessions { SourceIP = true },
                    _ => null,
                },
                Fault =
                    kind == 3
                        ? new Fault
                        {
                            Abort = new FaultAbort { Status = 503, Percent = 10 },
                        }
                        : null,
                Timeouts = kind == 4 ? new RouteTimeouts { Request = "2s" } : null,
            }
    );

    private static readonly Gen<TrafficSplitSpec> SplitSpec = Gen.Select(
        RandomNames.Services,
        MaybePort,
        Backends,
        Rule.Array[1, 4],
        Gen.Int[0, 3],
        (service, port, backends, rules, kind) =>
            new TrafficSplitSpec
            {
                Service = service,
                Port = port,
                Backends = kind < 2 ? backends : null,
                Rules = kind < 2 ? null : [.. rules.Select(Named)],
                OnMissingBackend = (kind & 1) == 0 ? OnMissingBackend.Fail : OnMissingBackend.Redistribute,
            }
    );

    private static readonly Gen<PolicyTargetReference> Target = Gen.Select(
        RandomNames.Services,
        Gen.Int[0, 5],
        (name, kind) =>
            new PolicyTargetReference
            {
                Kind = kind < 3 ? PolicyTargetKind.Service : PolicyTargetKind.TrafficSplit,
                Name = name,
                SectionName = kind switch
                {
                    1 => "http",
                    2 => "grpc",
                    4 => "rule-0",
                    5 => "rule-1",
                    _ => null,
                },
            }
    );

    private static readonly Gen<RetryPolicySpec> RetrySpec = Gen.Select(
        Target.Array[1, 3],
        Gen.Int[0, 3],
        Gen.Enum<RetryCondition>().Array[1, 4],
        Gen.OneOf<string?>(null, "GET", "POST"),
        (targets, attempts, conditions, method) =>
            new RetryPolicySpec
            {
                TargetRefs = [.. targets],
                Attempts = attempts,
                RetryOn = [.. conditions.Distinct()],
                Methods = method is null ? null : [method],
                Timeouts =
                    attempts == 3
                        ? new RetryTimeouts
                        {
                            Request = "1s",
                            Connect = "100ms",
                            Idle = "1h",
                        }
                        : null,
            }
    );

    private static readonly Gen<AccessRule> Access = Gen.Select(
        RandomNames.Services,
        Gen.Int[0, 3],
        (name, kind) =>
            kind switch
            {
                0 => new AccessRule { ServiceAccounts = [name] },
                1 => new AccessRule { Namespaces = ["jobs"], Ports = [8080] },
                2 => new AccessRule
                {
                    ServiceAccounts = [name],
                    Methods = ["GET"],
                    Paths = ["/a*"],
                },
                _ => new AccessRule { Identities = ["spiffe://cluster.local/*"], Ports = [9999] },
            }
    );

    private static readonly Gen<MtlsPolicySpec> MtlsSpec = Gen.Select(
        RandomNames.Services,
        Gen.Enum<MtlsPolicyMode>().Array[2],
        Access.Array[0, 2],
        Gen.Int[0, 7],
        (app, modes, rules, kind) =>
            new MtlsPolicySpec
            {
                Selector = (kind & 1) == 0 ? new PodLabelSelector { MatchLabels = { ["app"] = app } } : null,
                Mode = modes[0],
                PortModes = (kind & 2) == 0 ? new() { ["8080"] = modes[1] } : null,
                Allow = (kind & 4) == 0 ? [.. rules] : null,
                Deny = (kind & 4) == 0 ? null : [.. rules],
                AuditOnly = kind == 4,
            }
    );

    private static readonly Gen<CircuitBreakerSpec> BreakerSpec = Gen.Select(
        Target.Array[1, 2],
        Gen.Int[0, 3],
        Gen.Int[1, 9],
        (targets, kind, bound) =>
            new CircuitBreakerSpec
            {
                TargetRefs = KeepServices(targets),
                MaxRequests = kind == 0 ? null : bound,
                MaxRetries = kind == 1 ? bound : null,
                OutlierDetection = kind is 0 or 2 ? new OutlierDetectionSpec { Consecutive5xx = bound } : null,
            }
    );

    private static readonly Gen<RateLimitClient?> LimitClient = Gen.OneOf<RateLimitClient?>(
        null,
        new RateLimitClient { Header = "x-api-key" },
        new RateLimitClient { Identity = RateLimitClient.ServiceAccount }
    );

    private static readonly Gen<RateLimitCost?> LimitCost = Gen.OneOf<RateLimitCost?>(
        null,
        new RateLimitCost { Header = "x-tokens" },
        new RateLimitCost { Requests = 1 }
    );

    private static readonly Gen<LoadBalancingPolicySpec> BalancingSpec = Gen.Select(
        Target.Array[1, 2],
        Gen.Enum<LoadBalancingMethod>(),
        Gen.Int[0, 3],
        (targets, method, kind) =>
            new LoadBalancingPolicySpec
            {
                TargetRefs = KeepServices(targets),
                Method = method,
                Hash =
                    method is not LoadBalancingMethod.Hash ? null
                    : kind == 0 ? new StickySessions { SourceIP = true }
                    : kind == 1
                        ? new StickySessions
                        {
                            Cookie = new StickyCookie { Name = "cart", Ttl = "1h" },
                        }
                    : new StickySessions { Header = $"x-user-{kind}" },
                SlowStart =
                    method is LoadBalancingMethod.Hash or LoadBalancingMethod.Random || kind == 0
                        ? null
                        : new SlowStartSpec { Window = $"{kind}s", MinWeightPercent = kind * 10 },
                PanicThreshold = kind == 2 ? null : kind * 30,
                Utilization =
                    method is not LoadBalancingMethod.Utilization || kind == 0
                        ? null
                        : new UtilizationSpec
                        {
                            MetricNames = kind == 1 ? ["named_metrics.load"] : null,
                            ReportingPeriod = kind == 2 ? "5s" : null,
                            AskForReports = kind == 3,
                        },
            }
    );

    private static readonly Gen<RateLimitSpec> LimitSpec = Gen.Select(
        RandomNames.Services,
        Target.Array[1, 2],
        Gen.Int[0, 2],
        Gen.Select(Gen.Int[1, 200], Gen.Enum<RateLimitUnit>(), Match, LimitClient, LimitCost).Array[1, 2],
        Gen.Enum<RateLimitScope>(),
        (app, targets, kind, limits, scope) =>
            new RateLimitSpec
            {
                Scope = scope,
                Queue = kind == 1 ? new ConcurrencyLimit { Running = targets.Length, Waiting = 8 } : null,
                Selector = kind == 0 ? new PodLabelSelector { MatchLabels = { ["app"] = app } } : null,
                TargetRefs = kind == 0 ? null : KeepServices(targets),
                Limits =
                [
                    .. limits.Select(limit => new RequestLimit
                    {
                        Requests = limit.Item1,
                        Unit = limit.Item2,
                        Match = limit.Item3 is { Path: null, Method: null, Headers: null }
                            ? null
                            : new RateLimitMatch
                            {
                                Path = limit.Item3.Path,
                                Method = limit.Item3.Method,
                                Headers = limit.Item3.Headers,
                            },
                        Per = limit.Item4,
                        Cost = limit.Item5,
                    }),
                ],
            }
    );

    /// <summary>Policies of each kind, as what they add to a set.</summary>
    private static readonly IReadOnlyList<(PolicyKind Kind, Gen<Func<PolicySet, PolicySet>> Add)> Kinds =
    [
        Some(PolicyKinds.TrafficSplit, SplitSpec, 1, 8),
        Some(PolicyKinds.RetryPolicy, RetrySpec, 0, 4),
        Some(PolicyKinds.MtlsPolicy, MtlsSpec, 0, 4),
        Some(PolicyKinds.CircuitBreaker, BreakerSpec, 0, 3),
        Some(PolicyKinds.LoadBalancingPolicy, BalancingSpec, 0, 3),
        Some(PolicyKinds.RateLimit, LimitSpec, 0, 3),
    ];

    /// <summary>The kinds that are generated.</summary>
    public static IEnumerable<PolicyKind> Generated => Kinds.Select(kind => kind.Kind);

    /// <summary>Policies of all kinds.</summary>
    public static Gen<PolicySet> Set =>
        Kinds
            .Select(kind => kind.Add)
            .Aggregate(Gen.Const(PolicySet.Empty), (set, add) => Gen.Select(set, add, (policies, change) => change(policies)));

    private static List<PolicyTargetReference> KeepServices(PolicyTargetReference[] targets) =>
        [
            .. targets.Select(target => new PolicyTargetReference
            {
                Kind = PolicyTargetKind.Service,
                Name = target.Name,
                SectionName = target.Kind == PolicyTargetKind.Service ? target.SectionName : null,
            }),
        ];

    private static TrafficSplitRule Named(TrafficSplitRule rule, int index)
    {
        rule.Name = $"rule-{index}";
        return rule;
    }

    private static (PolicyKind Kind, Gen<Func<PolicySet, PolicySet>> Add) Some<TPolicy, TSpec>(
        PolicyKind<TPolicy, TSpec> kind,
        Gen<TSpec> specs,
        int least,
        int most
    )
        where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
        where TSpec : class, new() =>
        (
            kind,
            RandomNames
                .Records(RandomNames.ServiceNames, Record(specs), least, most)
                .Select(records =>
                    (Func<PolicySet, PolicySet>)(set => records.Aggregate(set, (all, policy) => all.With(kind, policy.Key, policy.Value)))
                )
        );

    /// <summary>Now and then an invalid one, whose last valid form stays or of which there was none.</summary>
    private static Gen<PolicyRecord<TSpec>> Record<TSpec>(Gen<TSpec> specs)
        where TSpec : class =>
        Gen.Select(
            specs,
            Gen.Int[0, 3],
            Gen.Int[0, 12],
            (spec, age, validity) =>
                new PolicyRecord<TSpec>(
                    "uid",
                    1,
                    DateTimeOffset.UnixEpoch.AddSeconds(age),
                    validity == 0 ? null : spec,
                    validity <= 1 ? "refused" : null
                )
        );
}
