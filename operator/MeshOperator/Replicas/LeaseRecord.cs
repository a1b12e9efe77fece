using System.Threading.Channels;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Settings;

namespace MeshOperator.Replicas;

/// <summary>Something that the leader writes down for all replicas: annotations of a Lease in the operator's namespace.</summary>
/// <param name="name">The Lease's name.</param>
/// <param name="label">What it is, in its label <see cref="MeshNames.ReplicaReportLabel"/>.</param>
/// <param name="leases">Writes it.</param>
/// <param name="informer">Follows it.</param>
/// <param name="leadership">Who writes.</param>
/// <param name="options">Names the namespace.</param>
/// <param name="time">Times the next attempt.</param>
internal abstract class LeaseRecord(
    string name,
    string label,
    EntityClient<V1Lease> leases,
    SharedInformer<V1Lease> informer,
    ILeadership leadership,
    OperatorOptions options,
    TimeProvider time
) : BackgroundService
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );

    /// <summary>The Lease as it is known; null when there is none.</summary>
    protected V1Lease? Present => informer.Objects.GetValueOrDefault(Key);

    /// <summary>Whether this replica writes.</summary>
    protected bool IsLeader => leadership.IsLeader;

    private ObjectKey Key => new(options.Namespace, name);

    /// <summary>The annotations to write; null when there is nothing to write.</summary>
    /// <param name="present">The Lease as it is known.</param>
    protected abstract Dictionary<string, string>? Compose(V1Lease? present);

    /// <summary>What <see cref="Compose"/> gave is written down.</summary>
    protected virtual void OnWritten() { }

    /// <summary>It could not be written, and will be tried again.</summary>
    protected abstract void OnFailed(Exception exception);

    /// <summary>There may be something to write.</summary>
    protected void Wake() => _wake.Writer.TryWrite(true);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // What there is to write is found by what is seen of the Lease, which may be older than the last write, or somebody else's.
        void WakeWhenSeen(ObjectChange<V1Lease> change)
        {
            if (change.Key == Key)
                Wake();
        }

        leadership.Changed += Wake;
        informer.Changed += WakeWhenSeen;
        try
        {
            while (await _wake.Reader.WaitToReadAsync(stoppingToken))
            {
                _wake.Reader.TryRead(out _);
                if (!IsLeader || await TryWriteAsync(stoppingToken))
                    continue;
                await Task.Delay(RetryAfter, time, stoppingToken);
                Wake();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
        finally
        {
            leadership.Changed -= Wake;
            informer.Changed -= WakeWhenSeen;
        }
    }

    private async Task<bool> TryWriteAsync(CancellationToken cancellation)
    {
        var present = Present;
        if (Compose(present) is not { } annotations)
            return true;
        var lease = new V1Lease
        {
            Metadata = new V1ObjectMeta
            {
                Name = Key.Name,
                NamespaceProperty = Key.Namespace,
                Labels = new Dictionary<string, string>
                {
                    [MeshNames.ReplicaReportLabel] = label,
                    [MeshNames.ManagedByLabel] = MeshNames.FieldManager,
                },
                Annotations = annotations,
                ResourceVersion = present?.Metadata.ResourceVersion,
            },
        };
        try
        {
            _ = present is null ? await leases.CreateAsync(lease, cancellation) : await leases.ReplaceAsync(lease, cancellation);
            OnWritten();
            return true;
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException)
        {
            // Perhaps somebody has changed it since: with what is there then at the next turn.
            OnFailed(e);
            return false;
        }
    }
}
