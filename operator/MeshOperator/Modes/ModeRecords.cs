using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Mesh.Rollout;
using MeshOperator.Replicas;
using MeshOperator.Settings;

namespace MeshOperator.Modes;

/// <summary>Keeps the steps of changes of mutual TLS mode where all replicas see them, and where one that starts finds them: the leader
/// writes, the others follow.</summary>
internal sealed class ModeRecords(
    EntityClient<V1Lease> leases,
    SharedInformer<V1Lease> informer,
    ILeadership leadership,
    OperatorOptions options,
    TimeProvider time,
    ILogger<ModeRecords> logger
) : LeaseRecord(ModeRecordText.LeaseName, "modes", leases, informer, leadership, options, time)
{
    private ModeRecord? _wanted;
    private (V1Lease? Lease, ModeRecord? Record) _read;

    /// <summary>What is written down; null when nothing is.</summary>
    public ModeRecord? Current
    {
        get
        {
            var lease = Present;
            if (!ReferenceEquals(lease, _read.Lease))
                _read = (lease, ModeRecordText.Read(lease));
            return _read.Record;
        }
    }

    /// <summary>What this replica has to follow; null when it decides itself.</summary>
    public ModeRecord? ToFollow => IsLeader ? null : Current ?? ModeRecord.Empty;

    /// <summary>Has a record written down, if this replica leads.</summary>
    public void Post(ModeRecord record)
    {
        Volatile.Write(ref _wanted, record);
        Wake();
    }

    /// <inheritdoc/>
    protected override Dictionary<string, string>? Compose(V1Lease? present)
    {
        if (Volatile.Read(ref _wanted) is not { } wanted || (ModeRecordText.Read(present) is { } written && written.Equals(wanted)))
            return null;
        var annotations = ModeRecordText.Write(wanted);
        if (annotations.Values.Sum(text => text.Length) <= ModeRecordText.LongestText)
            return annotations;
        Log.ModesTooMany(logger, wanted.Workloads.Count);
        return null;
    }

    /// <inheritdoc/>
    protected override void OnFailed(Exception exception) => Log.ModesFailed(logger, exception);
}
