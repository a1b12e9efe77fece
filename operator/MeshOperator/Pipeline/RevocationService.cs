using System.Collections.Immutable;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Replicas;
using MeshOperator.Revocations;
using MeshOperator.Settings;

namespace MeshOperator.Pipeline;

/// <summary>Writes down the revisions of ports at which callers of bytes have lost permissions, on the leader. All replicas, this one too,
/// follow what is written.</summary>
internal sealed class RevocationService(
    RevocationTracker tracker,
    MeshPipeline pipeline,
    EntityClient<V1Lease> leases,
    SharedInformer<V1Lease> informer,
    ILeadership leadership,
    OperatorOptions options,
    TimeProvider time,
    ILogger<RevocationService> logger
) : LeaseRecord(RevocationRecord.LeaseName, "revocations", leases, informer, leadership, options, time)
{
    private int _composed;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        tracker.Found += Wake;
        try
        {
            await base.ExecuteAsync(stoppingToken);
        }
        finally
        {
            tracker.Found -= Wake;
        }
    }

    /// <inheritdoc/>
    protected override Dictionary<string, string>? Compose(V1Lease? present)
    {
        var pending = tracker.Pending;
        if (pending.Count == 0)
            return null;
        _composed = pending.Count;
        var record = RevocationRecord.Write(Merge(present, pending));
        if (record.Length <= RevocationRecord.LongestText)
            return new Dictionary<string, string> { [RevocationRecord.Annotation] = record };
        Log.RevocationsTooMany(logger, pending.Count);
        return null;
    }

    /// <inheritdoc/>
    protected override void OnWritten() => Log.Revoked(logger, _composed);

    /// <inheritdoc/>
    protected override void OnFailed(Exception exception) => Log.RevocationFailed(logger, exception);

    /// <summary>What is written down with what is to be, without pods that have gone.</summary>
    private ImmutableDictionary<ObjectName, ValueList<PortRevision>> Merge(
        V1Lease? present,
        IEnumerable<(WorkloadName Workload, PortRevision Port)> pending
    )
    {
        var workloads = pipeline.Served?.Workloads ?? ImmutableDictionary<WorkloadName, MeshWorkload>.Empty;
        var merged = RevocationRecord.Read(present, ImmutableDictionary<ObjectName, ValueList<PortRevision>>.Empty);
        merged = merged.RemoveRange(merged.Keys.Where(pod => !workloads.ContainsKey(new WorkloadName(pod.Namespace, pod.Name))));
        foreach (var (workload, port) in pending)
        {
            var pod = new ObjectName(workload.Namespace, workload.Pod);
            var ports = merged.TryGetValue(pod, out var known) ? known.Where(p => (p.Port, p.IsHttp) != (port.Port, port.IsHttp)) : [];
            merged = merged.SetItem(pod, ports.Append(port).OrderBy(p => (p.Port, p.IsHttp)).ToValueList());
        }

        return merged;
    }
}
