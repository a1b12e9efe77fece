using System.Collections.Immutable;
using System.Threading.Channels;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
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
) : BackgroundService
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );

    private ObjectKey Key => new(options.Namespace, RevocationRecord.LeaseName);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        void Wake() => _wake.Writer.TryWrite(true);
        tracker.Found += Wake;
        leadership.Changed += Wake;
        try
        {
            while (await _wake.Reader.WaitToReadAsync(stoppingToken))
            {
                _wake.Reader.TryRead(out _);
                if (!leadership.IsLeader || tracker.Pending is not { Count: > 0 } pending || await TryWriteAsync(pending, stoppingToken))
                    continue;
                await Task.Delay(RetryAfter, time, stoppingToken);
                Wake();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
        finally
        {
            tracker.Found -= Wake;
            leadership.Changed -= Wake;
        }
    }

    private async Task<bool> TryWriteAsync(
        IReadOnlyList<(WorkloadName Workload, PortRevision Port)> pending,
        CancellationToken cancellation
    )
    {
        var present = informer.Objects.GetValueOrDefault(Key);
        var record = RevocationRecord.Write(Merge(present, pending));
        if (record.Length > RevocationRecord.LongestText)
        {
            Log.RevocationsTooMany(logger, pending.Count);
            return true;
        }

        var lease = new V1Lease
        {
            Metadata = new V1ObjectMeta
            {
                Name = Key.Name,
                NamespaceProperty = Key.Namespace,
                Labels = new Dictionary<string, string>
                {
                    [MeshNames.ReplicaReportLabel] = "revocations",
                    [MeshNames.ManagedByLabel] = MeshNames.FieldManager,
                },
                Annotations = new Dictionary<string, string> { [RevocationRecord.Annotation] = record },
                ResourceVersion = present?.Metadata.ResourceVersion,
            },
        };
        try
        {
            _ = present is null ? await leases.CreateAsync(lease, cancellation) : await leases.ReplaceAsync(lease, cancellation);
            Log.Revoked(logger, pending.Count);
            return true;
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException)
        {
            // Perhaps somebody has changed it since: with what is there then at the next turn.
            Log.RevocationFailed(logger, e);
            return false;
        }
    }

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
