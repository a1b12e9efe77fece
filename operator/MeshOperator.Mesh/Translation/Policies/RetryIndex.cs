using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>Finds the RetryPolicy of a route: that of the split's rule, the split, the service's port, the service; of several on
/// one target the oldest.</summary>
internal sealed class RetryIndex
{
    private readonly TargetIndex<Candidate> _targets;

    private RetryIndex(TargetIndex<Candidate> targets) => _targets = targets;

    public static Found<RetryIndex> Create(ClusterSnapshot snapshot)
    {
        var targets = new TargetIndex<Candidate>();
        var findings = new List<PolicyFinding>();
        foreach (var (key, rank, spec) in snapshot.Policies.GetActive(PolicyKinds.RetryPolicy))
        {
            var candidate = new Candidate(
                key,
                rank,
                ToSettings(spec),
                ToConnection(spec),
                NamesBudget: spec.Budget is not null,
                NamesTimeouts: spec.Timeouts is { Connect: not null } or { Idle: not null },
                MeshDuration.ParseOptional(spec.Timeouts?.Request),
                MeshDuration.ParseOptional(spec.Timeouts?.FirstByte)
            );
            findings.AddRange(targets.Add(snapshot, key, spec.TargetRefs, candidate));
            findings.AddRange(TargetIndex<Candidate>.FindTcp(snapshot, key, spec.TargetRefs, "no requests to retry"));
            if (spec.Attempts > 0)
                findings.Add(
                    new Noted(
                        key,
                        $"Request bodies up to {spec.MaxRequestBody} are kept for another attempt; a larger request is sent once."
                    )
                );
        }

        return new Found<RetryIndex>(new RetryIndex(targets), findings);
    }

    /// <summary>The policies of the routes of a service's port, of which the first holds, the most specific; <paramref name="split"/> and
    /// <paramref name="rule"/> are null where there is none.</summary>
    public IEnumerable<Candidate> FindForRoute(ObjectName service, string portName, string? split, string? rule) =>
        new[]
        {
            split is not null && rule is not null ? FindForSplit(service, split, rule) : null,
            split is not null ? FindForSplit(service, split, null) : null,
            portName.Length > 0 ? _targets.Find(PolicyTargetKind.Service, service, portName) : null,
            _targets.Find(PolicyTargetKind.Service, service, null),
        }.OfType<Candidate>();

    /// <summary>The policy of a service's port, whatever split there is.</summary>
    public Candidate? FindForPort(ObjectName service, string portName) => _targets.FindForPort(service, portName);

    private Candidate? FindForSplit(ObjectName service, string split, string? rule) =>
        _targets.Find(PolicyTargetKind.TrafficSplit, new ObjectName(service.Namespace, split), rule);

    private static RetrySettings ToSettings(RetryPolicySpec spec)
    {
        var (backoffBase, backoffMax) = RetryPolicyDefaults.ResolveBackoff(spec);
        var triggers = RetryPolicyDefaults.ResolveRetryOn(spec).Select(ToTrigger).Distinct().Order().ToList();
        return new RetrySettings
        {
            Attempts = spec.Attempts,
            MaxRequestBody = ByteQuantity.Parse(spec.MaxRequestBody),
            PerTryTimeout = MeshDuration.ParseOptional(spec.PerTryTimeout),
            ConnectionTriggers = triggers.Where(IsBeforeRequest).ToValueList(),
            ResponseTriggers = triggers.Where(trigger => !IsBeforeRequest(trigger)).ToValueList(),
            StatusCodes = spec.RetriableStatusCodes.Distinct().Order().ToValueList(),
            Methods = RetryPolicyDefaults.ResolveMethods(spec).ToValueList(),
            BackoffBase = backoffBase,
            BackoffMax = backoffMax,
            RespectRetryAfter = spec.RespectRetryAfter,
            AvoidPreviousHosts = spec.AvoidPreviousHosts,
        };
    }

    private static ConnectionSettings ToConnection(RetryPolicySpec spec) =>
        new(
            MeshDuration.ParseOptional(spec.Timeouts?.Connect),
            MeshDuration.ParseOptional(spec.Timeouts?.Idle),
            ToBudget(RetryPolicyDefaults.ResolveBudget(spec))
        );

    private static RetryBudget ToBudget(RetryBudgetSpec spec) => new(spec.Percent, spec.MinConcurrency);

    private static bool IsBeforeRequest(RetryTrigger trigger) =>
        trigger is RetryTrigger.ConnectFailure or RetryTrigger.RefusedStream or RetryTrigger.ResetBeforeRequest;

    private static RetryTrigger ToTrigger(RetryCondition condition) =>
        condition switch
        {
            RetryCondition.ConnectFailure => RetryTrigger.ConnectFailure,
            RetryCondition.RefusedStream => RetryTrigger.RefusedStream,
            RetryCondition.ResetBeforeRequest => RetryTrigger.ResetBeforeRequest,
            RetryCondition.Reset => RetryTrigger.Reset,
            RetryCondition.GatewayError => RetryTrigger.GatewayError,
            RetryCondition.ServerError => RetryTrigger.ServerError,
            RetryCondition.Conflict => RetryTrigger.Conflict,
            RetryCondition.Cancelled => RetryTrigger.GrpcCancelled,
            RetryCondition.DeadlineExceeded => RetryTrigger.GrpcDeadlineExceeded,
            RetryCondition.Internal => RetryTrigger.GrpcInternal,
            RetryCondition.ResourceExhausted => RetryTrigger.GrpcResourceExhausted,
            RetryCondition.Unavailable => RetryTrigger.GrpcUnavailable,
            _ => throw new ArgumentOutOfRangeException(nameof(condition), condition, null),
        };

    /// <summary>A policy's effect. Of two the one with the lower rank is older.</summary>
    internal sealed record Candidate(
        PolicyKey Key,
        int Rank,
        RetrySettings Settings,
        ConnectionSettings Connection,
        bool NamesBudget,
        bool NamesTimeouts,
        TimeSpan? RequestTimeout,
        TimeSpan? FirstByteTimeout
    ) : IRanked
    {
        /// <summary>Whether something is given for connections to the target, whatever requests they carry.</summary>
        public bool NamesConnection => NamesBudget || NamesTimeouts;
    }
}
