using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Verdicts;
using Detection = MeshOperator.Mesh.Model.OutlierDetection;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>Finds the CircuitBreaker of a service's port.</summary>
internal sealed class BreakerIndex
{
    private readonly TargetIndex<Candidate> _targets;

    private BreakerIndex(TargetIndex<Candidate> targets) => _targets = targets;

    public static Found<BreakerIndex> Create(ClusterSnapshot snapshot)
    {
        var targets = new TargetIndex<Candidate>();
        var findings = new List<PolicyFinding>();
        foreach (var (key, rank, spec) in snapshot.Policies.GetActive(PolicyKinds.CircuitBreaker))
            findings.AddRange(targets.Add(snapshot, key, spec.TargetRefs, new Candidate(key, rank, ToSettings(spec))));
        return new Found<BreakerIndex>(new BreakerIndex(targets), findings);
    }

    /// <summary>The policy of a service's port, or null.</summary>
    public Candidate? FindForPort(ObjectName service, string portName) => _targets.FindForPort(service, portName);

    private static BreakerSettings ToSettings(CircuitBreakerSpec spec) =>
        new(
            spec.MaxConnections,
            spec.MaxPendingRequests,
            spec.MaxRequests,
            spec.MaxRetries,
            spec.OutlierDetection is { } outliers ? ToDetection(outliers) : null
        );

    private static Detection ToDetection(OutlierDetectionSpec spec) =>
        new(
            CircuitBreakerDefaults.Resolve5xx(spec),
            spec.ConsecutiveGatewayErrors,
            MeshDuration.Parse(spec.Interval),
            MeshDuration.Parse(spec.BaseEjectionTime),
            spec.MaxEjectionPercent
        );

    internal sealed record Candidate(PolicyKey Key, int Rank, BreakerSettings Settings) : IRanked;
}
