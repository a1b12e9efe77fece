using k8s.Models;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Pipeline;
using MeshOperator.Replicas;
using MeshOperator.Settings;

namespace MeshOperator.Authority;

/// <summary>How far all proxies of the mesh are: those of this replica, and those of which the others report.</summary>
internal sealed class RotationProgressSource(
    MeshPipeline pipeline,
    ProxyTrust trust,
    SharedInformer<V1Lease> reports,
    ReplicaAges ages,
    OperatorOptions options
)
{
    /// <summary>Progress with a state.</summary>
    public RotationProgress Measure(MeshAuthority.Snapshot present)
    {
        if (pipeline.Served is not { } served)
            return new RotationProgress(0, 0, [new RotationHold("operator", "has not seen the mesh yet")]);
        var others = Others();
        var held = others
            .Where(o => o.Value.Epoch < present.State.Epoch)
            .Select(o => new RotationHold(o.Key, "is a replica of the operator that has not followed yet"))
            .ToList();
        var current = others.Values.Where(r => r.Epoch == present.State.Epoch).ToList();
        var own = trust.Missing(present);
        var (done, total) = (0, 0);
        foreach (var workload in served.Workloads.Keys)
        {
            total++;
            var node = workload.NodeId;
            if (Reason(node, own, current) is { } reason)
                held.Add(new RotationHold(node, reason));
            else
                done++;
        }

        return new RotationProgress(done, total, held);
    }

    /// <summary>What a proxy lacks; null when nothing. Where it is connected now says more than where it was.</summary>
    private static string? Reason(string node, Dictionary<string, string?> own, List<ReplicaReport> others)
    {
        if (own.TryGetValue(node, out var reason))
            return reason;
        if (others.Select(r => r.Waiting.GetValueOrDefault(node)).FirstOrDefault(w => w is not null) is { } waiting)
            return waiting;
        return others.Exists(r => r.IsDone(node)) ? null : "is not connected";
    }

    /// <summary>The reports of the other replicas that are alive.</summary>
    private Dictionary<string, ReplicaReport> Others()
    {
        if (options.ElectionIdentity is not { } self)
            return [];
        return ages.FindOthers(reports.Objects.Values, self)
            .Select(l => (Holder: l.Spec.HolderIdentity, Report: TrustNotice.Read(l)))
            .Where(l => l.Report is not null)
            .ToDictionary(l => l.Holder, l => l.Report!, StringComparer.Ordinal);
    }
}
