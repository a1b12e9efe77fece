using MeshOperator.Api;
using MeshOperator.Api.V1Alpha1;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Finds the RetryPolicy of a route: that of the split's rule, the split, the service's port, the service; of several on
/// one target the oldest.</summary>
internal sealed class RetryIndex
{
    public const string Kind = nameof(RetryPolicy);
    private static readonly ValueList<string> Idempotent = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"];
    private readonly Dictionary<Target, Candidate> _byTarget = [];

    public RetryIndex(ClusterSnapshot snapshot, VerdictBuilder verdicts)
    {
        var rank = 0;
        foreach (var (name, record) in snapshot.RetryPolicies.OldestFirst())
        {
            var key = new PolicyKey(Kind, name.Namespace, name.Name);
            verdicts.Begin(key, record.Generation, record.Refusal, record.Spec is not null);
            if (record.Spec is not { } spec) continue;
            var candidate = new Candidate(key, rank++, ToSettings(spec), ToConnection(spec), MeshDuration.ParseOptional(spec.Timeouts?.Request));
            for (var i = 0; i < spec.TargetRefs.Count; i++)
            {
                var reference = spec.TargetRefs[i];
                var field = $"spec.targetRefs[{i}]";
                if (Missing(snapshot, name.Namespace, reference) is { } missing) verdicts.TargetNotFound(key, $"{field}: {missing}");
                else if (_byTarget.TryAdd(new Target(name.Namespace, reference.Kind, reference.Name, reference.SectionName), candidate)) verdicts.TargetFound(key);
                else verdicts.Conflict(key, $"{field}: {_byTarget[new Target(name.Namespace, reference.Kind, reference.Name, reference.SectionName)].Key} is older and has the same target; delete one of them or choose another target");
            }
        }
    }

    /// <summary>The policy of the routes of a service's port; <paramref name="split"/> and <paramref name="rule"/> are null where there
    /// is none.</summary>
    public Candidate? Of(ObjectName service, string portName, string? split, string? rule) =>
        (split is not null && rule is not null ? Find(service, PolicyTargetKind.TrafficSplit, split, rule) : null)
        ?? (split is not null ? Find(service, PolicyTargetKind.TrafficSplit, split, null) : null)
        ?? OfService(service, portName);

    /// <summary>The policy of a service's port, whatever split there is.</summary>
    public Candidate? OfService(ObjectName service, string portName) =>
        (portName.Length > 0 ? Find(service, PolicyTargetKind.Service, service.Name, portName) : null)
        ?? Find(service, PolicyTargetKind.Service, service.Name, null);

    private Candidate? Find(ObjectName service, PolicyTargetKind kind, string name, string? section) =>
        _byTarget.GetValueOrDefault(new Target(service.Namespace, kind, name, section));

    private static string? Missing(ClusterSnapshot snapshot, string ns, PolicyTargetReference reference)
    {
        var name = new ObjectName(ns, reference.Name);
        if (reference.Kind == PolicyTargetKind.Service)
        {
            if (!snapshot.Services.TryGetValue(name, out var service)) return $"the service '{reference.Name}' does not exist in namespace '{ns}'";
            return reference.SectionName is null || service.Ports.Any(p => p.Name == reference.SectionName)
                ? null
                : $"the service '{reference.Name}' has no port named '{reference.SectionName}'";
        }

        if (!snapshot.TrafficSplits.TryGetValue(name, out var split)) return $"the traffic split '{reference.Name}' does not exist in namespace '{ns}'";
        return reference.SectionName is null || split.Spec?.Rules?.Any(r => r.Name == reference.SectionName) == true
            ? null
            : $"the traffic split '{reference.Name}' has no rule named '{reference.SectionName}'";
    }

    private static RetrySettings? ToSettings(RetryPolicySpec spec)
    {
        var attempts = spec.Attempts ?? 2;
        if (attempts == 0) return null;
        var conditions = (spec.RetryOn ?? [RetryCondition.ConnectFailure, RetryCondition.RefusedStream, RetryCondition.Unavailable]).ToHashSet();
        return new RetrySettings
        {
            Attempts = attempts,
            PerTryTimeout = MeshDuration.ParseOptional(spec.PerTryTimeout),
            ConnectionConditions = conditions.Where(IsBeforeRequest).Select(ToEnvoy).Order(StringComparer.Ordinal).ToValueList(),
            ResponseConditions = conditions.Where(c => !IsBeforeRequest(c)).Select(ToEnvoy).Order(StringComparer.Ordinal).ToValueList(),
            StatusCodes = (spec.RetriableStatusCodes ?? []).Distinct().Order().ToValueList(),
            Methods = spec.Methods is { } methods ? methods.Distinct().Order(StringComparer.Ordinal).ToValueList() : Idempotent,
            BackoffBase = MeshDuration.ParseOptional(spec.Backoff?.Base) ?? TimeSpan.FromMilliseconds(25),
            BackoffMax = MeshDuration.ParseOptional(spec.Backoff?.Max) ?? TimeSpan.FromMilliseconds(250),
            RespectRetryAfter = spec.RespectRetryAfter ?? true,
            AvoidPreviousHosts = spec.AvoidPreviousHosts ?? true,
        };
    }

    private static ConnectionSettings ToConnection(RetryPolicySpec spec) => new(
        MeshDuration.ParseOptional(spec.Timeouts?.Connect),
        MeshDuration.ParseOptional(spec.Timeouts?.Idle),
        new RetryBudget(spec.Budget?.Percent ?? 20, spec.Budget?.MinConcurrency ?? 3));

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

    private readonly record struct Target(string Namespace, PolicyTargetKind Kind, string Name, string? Section);

    /// <summary>A policy's effect. Settings are null when it turns retries off; of two the one with the lower rank is older.</summary>
    internal sealed record Candidate(PolicyKey Key, int Rank, RetrySettings? Settings, ConnectionSettings Connection, TimeSpan? RequestTimeout);
}
