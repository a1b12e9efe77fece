using System.Threading.Channels;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Events;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Snapshots;

namespace MeshOperator.Statuses;

/// <summary>Reports by an Event at the pod when an application probably cannot listen at its port; see <see cref="BindFailure"/>. Only the
/// leader writes.</summary>
internal sealed class BindFailureEvents(
    SharedInformer<V1Pod> pods,
    EventPublisher events,
    ILeadership leadership,
    ILogger<BindFailureEvents> logger
) : BackgroundService
{
    private const int MostWaiting = 256;

    private readonly Channel<(V1Pod Pod, string Message)> _found = Channel.CreateBounded<(V1Pod, string)>(
        new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropWrite }
    );

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        pods.Changed += OnChanged;
        try
        {
            await foreach (var (pod, message) in _found.Reader.ReadAllAsync(stoppingToken))
                await PublishAsync(pod, message, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The operator ends.
        }
        finally
        {
            pods.Changed -= OnChanged;
        }
    }

    private void OnChanged(ObjectChange<V1Pod> change)
    {
        if (change.New is { } pod && BindFailure.Find(pod) is { } message)
            _found.Writer.TryWrite((pod, message));
    }

    private async Task PublishAsync(V1Pod pod, string message, CancellationToken cancellation)
    {
        if (!leadership.IsLeader)
            return;
        try
        {
            var about = new V1Pod
            {
                ApiVersion = "v1",
                Kind = "Pod",
                Metadata = pod.Metadata,
            };
            await events.PublishAsync(about, isWarning: true, BindFailure.Reason, message, cancellation);
        }
        catch (KubernetesApiException e)
        {
            Log.EventNotWritten(logger, ObjectKey.From(pod).ToString(), e.Message);
        }
    }
}
