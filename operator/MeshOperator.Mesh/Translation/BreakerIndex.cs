using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using Detection = MeshOperator.Mesh.Model.OutlierDetection;

namespace MeshOperator.Mesh.Translation;

/// <summary>Finds the CircuitBreaker of a service's port.</summary>
internal sealed class BreakerIndex
{
    private readonly TargetIndex<Candidate> _targets;

    public BreakerIndex(ClusterSnapshot snapshot, VerdictBuilder verdicts)
    {
        _targets = new TargetIndex<Candidate>(snapshot, verdicts);
        foreach (var (key, rank, spec) in snapshot.Policies.GetActive(PolicyKinds.CircuitBreaker))
            _targets.Add(key, spec.TargetRefs, new Candidate(key, rank, ToSettings(spec)));
    }

    public Candidate? OfService(ObjectName service, string portName) => _targets.OfService(service, portName);

    private static BreakerSettings ToSettings(CircuitBreakerSpec spec) => new(
        spec.MaxConnections, spec.MaxPendingRequests, spec.MaxRequests, spec.MaxRetries, spec.OutlierDetection is { } outliers ? ToDetection(outliers) : null);

    private static Detection ToDetection(OutlierDetectionSpec spec) => new(
        CircuitBreakerDefaults.Resolve5xx(spec),
        spec.ConsecutiveGatewayErrors,
        MeshDuration.Parse(spec.Interval),
        MeshDuration.Parse(spec.BaseEjectionTime),
        spec.MaxEjectionPercent);

    internal sealed record Candidate(PolicyKey Key, int Rank, BreakerSettings Settings) : IRanked;
}
