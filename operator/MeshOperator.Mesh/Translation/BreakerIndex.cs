using MeshOperator.Api;
using MeshOperator.Api.V1Alpha1;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using Detection = MeshOperator.Mesh.Model.OutlierDetection;

namespace MeshOperator.Mesh.Translation;

/// <summary>Finds the CircuitBreaker of a service's port.</summary>
internal sealed class BreakerIndex
{
    public const string Kind = nameof(CircuitBreaker);
    private readonly TargetIndex<Candidate> _targets;

    public BreakerIndex(ClusterSnapshot snapshot, VerdictBuilder verdicts)
    {
        _targets = new TargetIndex<Candidate>(snapshot, verdicts);
        foreach (var (rank, (key, spec)) in verdicts.Begin(Kind, snapshot.CircuitBreakers).Index())
            _targets.Add(key, spec.TargetRefs, new Candidate(key, rank, ToSettings(spec)));
    }

    public Candidate? OfService(ObjectName service, string portName) => _targets.OfService(service, portName);

    private static BreakerSettings ToSettings(CircuitBreakerSpec spec) => new(
        spec.MaxConnections, spec.MaxPendingRequests, spec.MaxRequests, spec.MaxRetries, spec.OutlierDetection is { } outliers ? ToDetection(outliers) : null);

    private static Detection ToDetection(OutlierDetectionSpec spec)
    {
        var gateway = spec.ConsecutiveGatewayErrors ?? 0;
        return new Detection(
            spec.Consecutive5xx ?? (gateway > 0 ? 0 : 5),
            gateway,
            MeshDuration.ParseOptional(spec.Interval) ?? TimeSpan.FromSeconds(10),
            MeshDuration.ParseOptional(spec.BaseEjectionTime) ?? TimeSpan.FromSeconds(30),
            spec.MaxEjectionPercent ?? 50);
    }

    internal sealed record Candidate(PolicyKey Key, int Rank, BreakerSettings Settings) : IRanked;
}
