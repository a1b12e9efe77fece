using System.Threading.Channels;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Mesh.Rollout;
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
) : BackgroundService
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );
    private ModeRecord? _wanted;
    private (V1Lease? Lease, ModeRecord? Record) _read;

    private ObjectKey Key => new(options.Namespace, ModeRecordText.LeaseName);

    /// <summary>What is written down; null when nothing is.</summary>
    public ModeRecord? Current
    {
        get
        {
            var lease = informer.Objects.GetValueOrDefault(Key);
            if (!ReferenceEquals(lease, _read.Lease))
                _read = (lease, ModeRecordText.Read(lease));
            return _read.Record;
        }
    }

    /// <summary>What this replica has to follow; null when it decides itself.</summary>
    public ModeRecord? ToFollow => leadership.IsLeader ? null : Current ?? ModeRecord.Empty;

    /// <summary>Has a record written down, if this replica leads.</summary>
    public void Post(ModeRecord record)
    {
        Volatile.Write(ref _wanted, record);
        Wake();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        leadership.Changed += Wake;
        try
        {
            while (await _wake.Reader.WaitToReadAsync(stoppingToken))
            {
                _wake.Reader.TryRead(out _);
                if (!leadership.IsLeader || Volatile.Read(ref _wanted) is not { } wanted || await TryWriteAsync(wanted, stoppingToken))
                    continue;
                await Task.Delay(RetryAfter, time, stoppingToken);
                Wake();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
        finally
        {
            leadership.Changed -= Wake;
        }
    }

    private void Wake() => _wake.Writer.TryWrite(true);

    private async Task<bool> TryWriteAsync(ModeRecord record, CancellationToken cancellation)
    {
        var present = informer.Objects.GetValueOrDefault(Key);
        if (ModeRecordText.Read(present) is { } written && written.Equals(record))
            return true;
        var annotations = ModeRecordText.Write(record);
        if (annotations.Values.Sum(text => text.Length) > ModeRecordText.LongestText)
        {
            Log.ModesTooMany(logger, record.Workloads.Count);
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
                    [MeshNames.ReplicaReportLabel] = "modes",
                    [MeshNames.ManagedByLabel] = MeshNames.FieldManager,
                },
                Annotations = annotations,
                ResourceVersion = present?.Metadata.ResourceVersion,
            },
        };
        try
        {
            _ = present is null ? await leases.CreateAsync(lease, cancellation) : await leases.ReplaceAsync(lease, cancellation);
            return true;
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException)
        {
            // Perhaps somebody has changed it since: with what is there then at the next turn.
            Log.ModesFailed(logger, e);
            return false;
        }
    }
}
