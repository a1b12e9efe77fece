using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Requests;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>Finds the LoadBalancingPolicy of a service's port.</summary>
internal sealed class BalancingIndex
{
    private readonly TargetIndex<Candidate> _targets;

    private BalancingIndex(TargetIndex<Candidate> targets, IReadOnlyList<Candidate> all) => (_targets, All) = (targets, all);

    /// <summary>All policies, the oldest first.</summary>
    public IReadOnlyList<Candidate> All { get; }

    /// <summary>Whether there are none.</summary>
    public bool IsEmpty => All.Count == 0;

    public static Found<BalancingIndex> Create(ClusterSnapshot snapshot)
    {
        var targets = new TargetIndex<Candidate>();
        var findings = new List<PolicyFinding>();
        var all = new List<Candidate>();
        foreach (var (key, rank, spec) in snapshot.Policies.GetActive(PolicyKinds.LoadBalancingPolicy))
        {
            var candidate = new Candidate(key, rank, ToSettings(spec));
            all.Add(candidate);
            findings.AddRange(targets.Add(snapshot, key, spec.TargetRefs, candidate));
            if (FindLackOfTcp(spec.Method) is { } lack)
                findings.AddRange(TargetIndex<Candidate>.FindTcp(snapshot, key, spec.TargetRefs, lack));
        }

        return new Found<BalancingIndex>(new BalancingIndex(targets, all), findings);
    }

    /// <summary>The policy of a service's port, or null.</summary>
    public Candidate? FindForPort(ObjectName service, string portName) => _targets.FindForPort(service, portName);

    private static string? FindLackOfTcp(LoadBalancingMethod method) =>
        method switch
        {
            LoadBalancingMethod.Hash => "no requests to hash",
            LoadBalancingMethod.Utilization => "no load reports",
            _ => null,
        };

    private static BalancingSettings ToSettings(LoadBalancingPolicySpec spec) =>
        new(spec.Method)
        {
            Hash = ClientKeys.Read(spec.Hash),
            SlowStart = spec.SlowStart is { } start ? new SlowStart(MeshDuration.Parse(start.Window), start.MinWeightPercent) : null,
            PanicPercent = spec.PanicThreshold,
            EndpointsPerCaller = spec.EndpointsPerCaller,
            Utilization =
                spec.Method is LoadBalancingMethod.Utilization ? ToReports(LoadBalancingPolicyDefaults.ResolveUtilization(spec)) : null,
        };

    private static UtilizationReports ToReports(UtilizationSpec spec) =>
        new(
            LoadBalancingPolicyDefaults.ResolveMetricNames(spec).ToValueList(),
            MeshDuration.ParseOptional(spec.ReportingPeriod),
            spec.AskForReports,
            MeshDuration.Parse(spec.BlackoutPeriod),
            MeshDuration.Parse(spec.ExpirationPeriod)
        );

    internal sealed record Candidate(PolicyKey Key, int Rank, BalancingSettings Settings) : IRanked;
}
