using System.Threading.Channels;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Store;
using Microsoft.Extensions.Logging;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>
/// A level-triggered loop: changes only name keys, a key waits at most once, and a failure is tried again later and later.
/// </summary>
internal abstract class Controller(string name, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);
    private readonly Channel<string> _queue = Channel.CreateUnbounded<string>(new UnboundedChannelOptions { SingleReader = true });
    private readonly HashSet<string> _waiting = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _failures = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ITimer> _timers = new(StringComparer.Ordinal);

    protected TimeProvider Time { get; } = time;

    public string Name { get; } = name;

    /// <summary>Hears every change of the store, under its lock: may only enqueue.</summary>
    public abstract void OnChanged(ResourceKind kind, WatchEvent change);

    /// <summary>Brings one object nearer to what it should be.</summary>
    protected abstract Task ReconcileAsync(string key);

    public void Enqueue(string key)
    {
        lock (_waiting)
            if (!_waiting.Add(key))
                return;
        _queue.Writer.TryWrite(key);
    }

    public async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            await foreach (var key in _queue.Reader.ReadAllAsync(stopping))
            {
                lock (_waiting)
                    _waiting.Remove(key);
                await OneAsync(key);
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
        finally
        {
            lock (_timers)
                foreach (var timer in _timers.Values)
                    timer.Dispose();
        }
    }

    protected static string Key(StoredObject stored) => $"{stored.Namespace}/{stored.Name}";

    protected static (string Namespace, string Name) Split(string key)
    {
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        return (key[..slash], key[(slash + 1)..]);
    }

    private async Task OneAsync(string key)
    {
        try
        {
            await ReconcileAsync(key);
            _failures.Remove(key);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            var failures = _failures[key] = _failures.GetValueOrDefault(key) + 1;
            var delay = TimeSpan.FromMilliseconds(
                Math.Min(FirstDelay.TotalMilliseconds * Math.Pow(2, failures - 1), LongestDelay.TotalMilliseconds)
            );
            if (e is ApiException)
                logger.ReconcilePostponed(Name, key, e.Message, delay);
            else
                logger.ReconcileFailed(e, Name, key, delay);
            Later(key, delay);
        }
    }

    private void Later(string key, TimeSpan delay)
    {
        lock (_timers)
        {
            if (_timers.Remove(key, out var old))
                old.Dispose();
            _timers[key] = Time.CreateTimer(
                _ =>
                {
                    lock (_timers)
                        if (_timers.Remove(key, out var done))
                            done.Dispose();
                    Enqueue(key);
                },
                null,
                delay,
                Timeout.InfiniteTimeSpan
            );
        }
    }
}
