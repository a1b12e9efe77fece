using System.Threading.Channels;
using k8s.Models;
using MeshOperator.Kubernetes.Events;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Snapshots;

namespace MeshOperator.Statuses;

/// <summary>Reports by an Event at the pod what an application does that goes wrong with a proxy; see <see cref="BindFailure"/> and
/// <see cref="ProxyUser"/>. Only the leader writes.</summary>
internal sealed class ApplicationEvents(
    SharedInformer<V1Pod> pods,
    EventPublisher events,
    ILeadership leadership,
    ILogger<ApplicationEvents> logger
) : BackgroundService
{
    private const int MostWaiting = 256;

    private readonly Channel<(V1Pod Pod, string Reason, string Message)> _found = Channel.CreateBounded<(V1Pod, string, string)>(
        new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropWrite }
    );

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        pods.Changed += OnChanged;
        try
        {
            await foreach (var (pod, reason, message) in _found.Reader.ReadAllAsync(stoppingToken))
            {
                if (leadership.IsLeader)
                    await events.WarnAsync(pod, reason, message, logger, stoppingToken);
            }
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
        if (change.New is not { } pod)
            return;
        if (BindFailure.Find(pod) is { } message)
            _found.Writer.TryWrite((pod, BindFailure.Reason, message));
        var before = change.Old is { } old ? ProxyUser.Find(old) : [];
        foreach (var found in ProxyUser.Find(pod).Except(before))
            _found.Writer.TryWrite((pod, ProxyUser.Reason, found));
    }
}
