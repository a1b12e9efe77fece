using System.Collections.Concurrent;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Events;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Snapshots;
using MeshOperator.Statuses;

namespace MeshOperator.Completions;

/// <summary>Orders the proxies of pods that have completed to end, so that the pods do; see <see cref="CompletedPod"/>. All replicas know
/// them, and the leader gives the orders.</summary>
internal sealed class CompletionService(
    SharedInformer<V1Pod> pods,
    CompletionOrder order,
    CompletionMetrics metrics,
    EventPublisher events,
    ILeadership leadership,
    TimeProvider time,
    ILogger<CompletionService> logger
) : BackgroundService
{
    /// <summary>The reason of the Event.</summary>
    public const string Reason = "ProxyKeepsRunning";

    /// <summary>So many orders are given at once.</summary>
    private const int AtOnce = 8;

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<ObjectKey, PendingOrder> _pending = new();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        pods.Changed += OnChanged;
        foreach (var pod in pods.Objects.Values)
            Note(pod);
        try
        {
            using var timer = new PeriodicTimer(LookEvery, time);
            while (await timer.WaitForNextTickAsync(stoppingToken))
                await LookAsync(stoppingToken);
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
        if (change.New is { } pod)
            Note(pod);
        else
            _pending.TryRemove(change.Key, out _);
    }

    private void Note(V1Pod pod)
    {
        var key = ObjectKey.From(pod);
        _pending.TryGetValue(key, out var known);
        if (CompletedPod.IsFound(pod))
        {
            if (known?.Uid != pod.Metadata.Uid)
                _pending[key] = new PendingOrder(pod.Metadata.Uid, Attempts: 0, time.GetUtcNow());
        }
        else if (_pending.TryRemove(key, out known) && known.Attempts > 0 && pod.Metadata.DeletionTimestamp is null)
        {
            metrics.Count(CompletionOutcome.Ended);
            Log.ProxyEnded(logger, key.ToString());
        }
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        if (!leadership.IsLeader)
            return;
        var now = time.GetUtcNow();
        await Parallel.ForEachAsync(
            _pending.Where(pending => pending.Value.Next <= now),
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation },
            async (pending, cancelled) => await OrderAsync(pending.Key, pending.Value, cancelled)
        );
    }

    private async Task OrderAsync(ObjectKey key, PendingOrder pending, CancellationToken cancellation)
    {
        var given = pending.Given(time.GetUtcNow());
        if (!pods.Objects.TryGetValue(key, out var pod) || !_pending.TryUpdate(key, given, pending))
            return;
        // One that accepted the order and runs all the same has failed, too, if it was the last time.
        var problem = await order.GiveAsync(pod, cancellation) ?? (given.IsGivenUp ? "it accepted the order and still runs" : null);
        if (problem is null || !_pending.TryUpdate(key, given.Failed(time.GetUtcNow()), given))
            return;
        if (given.IsGivenUp)
        {
            await GiveUpAsync(pod, problem, cancellation);
            return;
        }

        metrics.Count(CompletionOutcome.Failed);
        Log.ProxyOrderFailed(logger, key.ToString(), problem);
    }

    private async Task GiveUpAsync(V1Pod pod, string problem, CancellationToken cancellation)
    {
        metrics.Count(CompletionOutcome.GivenUp);
        Log.ProxyKeepsRunning(logger, ObjectKey.From(pod).ToString(), problem);
        var message =
            "All containers but the proxy have ended, and the operator could not order the proxy to end, so the pod does not complete: "
            + $"{problem}. Let the operator reach port {Api.ProxyPort.Completion} of pods, and delete the pod.";
        await events.WarnAsync(pod, Reason, message, logger, cancellation);
    }
}
