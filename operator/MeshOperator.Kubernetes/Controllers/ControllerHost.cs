using System.Collections.Concurrent;
using System.Threading.Channels;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Kubernetes.Metrics;
using MeshOperator.Kubernetes.Queue;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Kubernetes.Controllers;

/// <summary>Runs a controller: keys of changed objects go through a work queue to workers, as long as this replica leads. On shutdown no
/// more keys are taken, and reconciliations in flight are waited for.</summary>
/// <typeparam name="TEntity">The entity type.</typeparam>
internal sealed class ControllerHost<TEntity> : BackgroundService
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    private readonly SharedInformer<TEntity> _informer;
    private readonly IEntityController<TEntity> _controller;
    private readonly EntityFinalizers<TEntity> _finalizers;
    private readonly ILeadership _leadership;
    private readonly ControllerRequeue<TEntity> _requeue;
    private readonly ControllerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly WorkQueue<ObjectKey> _queue;

    /// <summary>The last form of objects that are gone and that the controller has not been notified of yet.</summary>
    private readonly ConcurrentDictionary<ObjectKey, TEntity> _deleted = new();

    /// <summary>Ends what is in flight, a while after the shutdown began.</summary>
    private readonly CancellationTokenSource _abort;

    private readonly string _kind = ResourceKind.ForEntity<TEntity>().Kind;
    private volatile bool _disposed;

    internal ControllerHost(
        SharedInformer<TEntity> informer,
        IEntityController<TEntity> controller,
        EntityFinalizers<TEntity> finalizers,
        ILeadership leadership,
        ControllerRequeue<TEntity> requeue,
        ControllerOptions options,
        TimeProvider time,
        Random random,
        ILogger logger
    )
    {
        _informer = informer;
        _controller = controller;
        _finalizers = finalizers;
        _leadership = leadership;
        _requeue = requeue;
        _options = options;
        _time = time;
        _logger = logger;
        _queue = new WorkQueue<ObjectKey>(time, random, name: _kind);
        _abort = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _disposed = true;
        _queue.Dispose();
        _abort.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // A host may be asked to stop again after its end.
        if (_disposed)
            return;
        _abort.CancelAfter(_options.StopWithin);
        await base.StopAsync(cancellationToken);
        if (!_disposed && _abort.IsCancellationRequested)
            Log.StopOverdue(_logger, _kind, _options.StopWithin.TotalSeconds);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _informer.Changed += Enqueue;
        _leadership.Changed += EnqueueAll;
        _requeue.Requested += EnqueueAll;
        try
        {
            await _informer.WaitForSyncAsync(stoppingToken);
            EnqueueAll();
            await Task.WhenAll(Enumerable.Range(0, _options.Workers).Select(_ => WorkAsync(stoppingToken)));
        }
        catch (Exception e) when (e is OperationCanceledException or ChannelClosedException) { }
        finally
        {
            _informer.Changed -= Enqueue;
            _leadership.Changed -= EnqueueAll;
            _requeue.Requested -= EnqueueAll;
            _queue.Close();
        }
    }

    private void Enqueue(ObjectChange<TEntity> change)
    {
        if (change.New is null && change.Old is not null)
            _deleted[change.Key] = change.Old;
        _queue.Add(change.Key);
    }

    private void EnqueueAll()
    {
        if (!_leadership.IsLeader)
        {
            _deleted.Clear();
            return;
        }

        foreach (var key in _informer.Objects.Keys.Concat(_deleted.Keys))
            _queue.Add(key);
    }

    private async Task WorkAsync(CancellationToken stopping)
    {
        while (true)
        {
            var key = await _queue.TakeAsync(stopping);
            try
            {
                var term = _leadership.Term;
                // A new leader looks at everything, so what comes while another leads need not be kept.
                if (_leadership.IsLeader)
                    await ReconcileAsync(key, term);
                else
                    _deleted.TryRemove(key, out _);
            }
            finally
            {
                _queue.Done(key);
            }

            stopping.ThrowIfCancellationRequested();
        }
    }

    private async Task ReconcileAsync(ObjectKey key, CancellationToken term)
    {
        using var timeout = new CancellationTokenSource(_options.ReconcileTimeout, _time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, term, _abort.Token);
        var started = _time.GetTimestamp();
        string outcome;
        try
        {
            if (await RunAsync(key, any.Token) is not { } result)
                return;
            outcome = Settle(key, result);
        }
        catch (OperationCanceledException) when (term.IsCancellationRequested || _abort.IsCancellationRequested)
        {
            // Whoever leads next looks at everything.
            outcome = "cancelled";
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            Log.ReconcileTimedOut(_logger, _kind, key, _options.ReconcileTimeout.TotalSeconds);
            _queue.AddAfterFailure(key);
            outcome = "timeout";
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Log.ReconcileFailed(_logger, e, _kind, key);
            _queue.AddAfterFailure(key);
            outcome = "error";
        }

        KubernetesMetrics.Reconciles.Add(1, new("controller", _kind), new KeyValuePair<string, object?>("outcome", outcome));
        KubernetesMetrics.ReconcileDuration.Record(
            _time.GetElapsedTime(started).TotalSeconds,
            new KeyValuePair<string, object?>("controller", _kind)
        );
    }

    /// <summary>Null when there is nothing to do.</summary>
    private async Task<ReconciliationResult<TEntity>?> RunAsync(ObjectKey key, CancellationToken cancellation)
    {
        ReconciliationResult<TEntity>? result = null;
        if (_deleted.TryGetValue(key, out var last))
        {
            // Also when an object of the same name is there again: that is another one.
            result = await _controller.DeletedAsync(last, cancellation);
            if (!result.IsSuccess)
                return result;
            _deleted.TryRemove(new KeyValuePair<ObjectKey, TEntity>(key, last));
        }

        if (!_informer.Objects.TryGetValue(key, out var entity))
            return result;
        if (entity.Metadata.DeletionTimestamp is not null)
            return await _finalizers.FinalizeAsync(entity, cancellation);
        return await _finalizers.AttachAsync(entity, cancellation) is { } attached
            ? await _controller.ReconcileAsync(attached, cancellation)
            : null;
    }

    private string Settle(ObjectKey key, ReconciliationResult<TEntity> result)
    {
        if (result.IsSuccess)
            _queue.Forget(key);
        else if (result.Exception is not null)
            Log.ReconcileFailed(_logger, result.Exception, _kind, key);
        else
            Log.ReconcileRefused(_logger, _kind, key, result.Error!);

        if (result.RequeueAfter is { } pause)
            _queue.AddAfter(key, pause);
        else if (!result.IsSuccess)
            _queue.AddAfterFailure(key);
        return result.IsSuccess
            ? result.RequeueAfter is null
                ? "success"
                : "requeue"
            : "failure";
    }
}
