using System.Collections.Concurrent;
using System.Threading.Channels;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Kubernetes.Queue;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Kubernetes.Controllers;

/// <summary>Runs a controller: keys of changed objects go through a work queue to workers, as long as this replica leads.</summary>
/// <typeparam name="TEntity">The entity type.</typeparam>
public sealed class ControllerHost<TEntity> : BackgroundService
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    private const int Workers = 2;
    private readonly SharedInformer<TEntity> _informer;
    private readonly IEntityController<TEntity> _controller;
    private readonly ILeadership _leadership;
    private readonly ILogger _logger;
    private readonly WorkQueue<ObjectKey> _queue;
    private readonly ConcurrentDictionary<ObjectKey, TEntity> _deleted = new();
    private readonly string _kind = ResourceKind.Of<TEntity>().Kind;

    /// <summary>Makes the host of one controller.</summary>
    public ControllerHost(
        SharedInformer<TEntity> informer,
        IEntityController<TEntity> controller,
        ILeadership leadership,
        TimeProvider time,
        Random random,
        ILogger<ControllerHost<TEntity>> logger)
    {
        _informer = informer;
        _controller = controller;
        _leadership = leadership;
        _logger = logger;
        _queue = new WorkQueue<ObjectKey>(time, random);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _queue.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _informer.Changed += Enqueue;
        _leadership.Changed += EnqueueAll;
        try
        {
            await _informer.WaitForSyncAsync(stoppingToken);
            EnqueueAll();
            await Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => WorkAsync(stoppingToken)));
        }
        catch (Exception e) when (e is OperationCanceledException or ChannelClosedException)
        {
        }
        finally
        {
            _informer.Changed -= Enqueue;
            _leadership.Changed -= EnqueueAll;
            _queue.Close();
        }
    }

    private void Enqueue(ObjectChange<TEntity> change)
    {
        if (change.New is null && change.Old is not null) _deleted[change.Key] = change.Old;
        _queue.Add(change.Key);
    }

    private void EnqueueAll()
    {
        if (!_leadership.IsLeader) return;
        foreach (var key in _informer.Objects.Keys) _queue.Add(key);
    }

    private async Task WorkAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var key = await _queue.TakeAsync(cancellation);
            try
            {
                // A new leader looks at everything, so what comes while another leads need not be kept.
                if (_leadership.IsLeader) await ReconcileAsync(key, cancellation);
                else _deleted.TryRemove(key, out _);
            }
            finally
            {
                _queue.Done(key);
            }
        }
    }

    private async Task ReconcileAsync(ObjectKey key, CancellationToken cancellation)
    {
        try
        {
            ReconciliationResult<TEntity> result;
            if (_informer.Objects.TryGetValue(key, out var entity))
            {
                result = await _controller.ReconcileAsync(entity, cancellation);
            }
            else if (_deleted.TryGetValue(key, out var last))
            {
                result = await _controller.DeletedAsync(last, cancellation);
                if (result.IsSuccess) _deleted.TryRemove(key, out _);
            }
            else
            {
                return;
            }

            Settle(key, result);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            Log.ReconcileFailed(_logger, e, _kind, key);
            _queue.AddAfterFailure(key);
        }
    }

    private void Settle(ObjectKey key, ReconciliationResult<TEntity> result)
    {
        if (result.IsSuccess) _queue.Forget(key);
        else if (result.Exception is not null) Log.ReconcileFailed(_logger, result.Exception, _kind, key);
        else Log.ReconcileRefused(_logger, _kind, key, result.Error!);

        if (result.RequeueAfter is { } pause) _queue.AddAfter(key, pause);
        else if (!result.IsSuccess) _queue.AddAfterFailure(key);
    }
}
