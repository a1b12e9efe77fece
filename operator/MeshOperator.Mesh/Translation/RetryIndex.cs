using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Finds the RetryPolicy of a route: that of the split's rule, the split, the service's port, the service; of several on
/// one target the oldest.</summary>
internal sealed class RetryIndex
{
    private readonly TargetIndex<Candidate> _targets;

    public RetryIndex(ClusterSnapshot snapshot, VerdictBuilder verdicts)
    {
        _targets = new TargetIndex<Candidate>(snapshot, verdicts);
        foreach (var (key, rank, spec) in snapshot.Policies.GetActive(PolicyKinds.RetryPolicy))
        {
            var candidate = new Candidate(
                key,
                rank,
                ToSettings(spec),
                ToConnection(spec),
                NamesBudget: spec.Budget is not null,
                NamesTimeouts: spec.Timeouts is { Connect: not null } or { Idle: not null },
                MeshDuration.ParseOptional(spec.Timeouts?.Request));
            _targets.Add(key, spec.TargetRefs, candidate);
            _targets.NoteTcp(key, spec.TargetRefs, "no requests to retry");
        }
    }

    /// <summary>The policies of the routes of a service's port, of which the first holds, the most specific; <paramref name="split"/> and
    /// <paramref name="rule"/> are null where there is none.</summary>
    public IEnumerable<Candidate> Of(ObjectName service, string portName, string? split, string? rule) => new[]
    {
        split is not null && rule is not null ? OfSplit(service, split, rule) : null,
        split is not null ? OfSplit(service, split, null) : null,
        portName.Length > 0 ? _targets.Find(PolicyTargetKind.Service, service, portName) : null,
        _targets.Find(PolicyTargetKind.Service, service, null),
    }.OfType<Candidate>();

    /// <summary>The policy of a service's port, whatever split there is.</summary>
    public Candidate? OfService(ObjectName service, string portName) => _targets.OfService(service, portName);

    private Candidate? OfSplit(ObjectName service, string split, string? rule) =>
        _targets.Find(PolicyTargetKind.TrafficSplit, new ObjectName(service.Namespace, split), rule);

    private static RetrySettings? ToSettings(RetryPolicySpec spec)
    {
        if (spec.Attempts == 0) return null;
        var (backoffBase, backoffMax) = RetryPolicyDefaults.ResolveBackoff(spec);
        var conditions = RetryPolicyDefaults.ResolveRetryOn(spec).ToHashSet();
        return new RetrySettings
        {
            Attempts = spec.Attempts,
            PerTryTimeout = MeshDuration.ParseOptional(spec.PerTryTimeout),
            ConnectionConditions = conditions.Where(IsBeforeRequest).Select(ToEnvoy).Order(StringComparer.Ordinal).ToValueList(),
            ResponseConditions = conditions.Where(c => !IsBeforeRequest(c)).Select(ToEnvoy).Order(StringComparer.Ordinal).ToValueList(),
            StatusCodes = (spec.RetriableStatusCodes ?? []).Distinct().Order().ToValueList(),
            Methods = RetryPolicyDefaults.ResolveMethods(spec).ToValueList(),
            BackoffBase = backoffBase,
            BackoffMax = backoffMax,
            RespectRetryAfter = spec.RespectRetryAfter,
            AvoidPreviousHosts = spec.AvoidPreviousHosts,
        };
    }

    private static ConnectionSettings ToConnection(RetryPolicySpec spec) => new(
        MeshDuration.ParseOptional(spec.Timeouts?.Connect),
        MeshDuration.ParseOptional(spec.Timeouts?.Idle),
        ToBudget(spec.Budget ?? RetryPolicyDefaults.Budget));

    private static RetryBudget ToBudget(RetryBudgetSpec spec) => new(spec.Percent, spec.MinConcurrency);

    private static bool IsBeforeRequest(RetryCondition condition) =>
        condition is RetryCondition.ConnectFailure or RetryCondition.RefusedStream or RetryCondition.ResetBeforeRequest;

    /// <summary>Envoy's names, from its documentation of <c>x-envoy-retry-on</c> and <c>x-envoy-retry-grpc-on</c>.</summary>
    private static string ToEnvoy(RetryCondition condition) => condition switch
    {
        RetryCondition.ConnectFailure => "connect-failure",
        RetryCondition.RefusedStream => "refused-stream",
        RetryCondition.ResetBeforeRequest => "reset-before-request",
        RetryCondition.Reset => "reset",
        RetryCondition.GatewayError => "gateway-error",
        RetryCondition.ServerError => "5xx",
        RetryCondition.Conflict => "retriable-4xx",
        RetryCondition.Cancelled => "cancelled",
        RetryCondition.DeadlineExceeded => "deadline-exceeded",
        RetryCondition.Internal => "internal",
        RetryCondition.ResourceExhausted => "resource-exhausted",
        RetryCondition.Unavailable => "unavailable",
        _ => throw new ArgumentOutOfRangeException(nameof(condition), condition, null),
    };

    /// <summary>A policy's effect. Settings are null when it turns retries off; of two the one with the lower rank is older.</summary>
    internal sealed record Candidate(
        PolicyKey Key, int Rank, RetrySettings? Settings, ConnectionSettings Connection, bool NamesBudget, bool NamesTimeouts, TimeSpan? RequestTimeout) : IRanked
    {
        /// <summary>Whether something is given for connections to the target, whatever requests they carry.</summary>
        public bool NamesConnection => NamesBudget || NamesTimeouts;
    }
}
