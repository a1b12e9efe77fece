using System.Collections.Concurrent;

namespace MeshOperator.EndToEnd.Node;

/// <summary>How many proxies run at a time. A scenario reserves its share before it starts, all at once, so that two scenarios never wait
/// for each other; pods of its namespace that are more wait until others have ended, as on a node that is full.</summary>
internal sealed class ProxyBudget(int most)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<(int Proxies, TaskCompletionSource Granted)> _waiting = new();
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _shares = new(StringComparer.Ordinal);
    private int _used;

    /// <summary>Waits for a share; the first who came is the first served, but for those that take minutes: they go before.</summary>
    public async Task ReserveAsync(string ns, int proxies, bool isFirst = false)
    {
        if (proxies > most)
            throw new ArgumentException($"a scenario can have {most} proxies at a time and not {proxies}", nameof(proxies));
        var granted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (isFirst)
                _waiting.AddFirst((proxies, granted));
            else
                _waiting.AddLast((proxies, granted));
            Grant();
        }

        await granted.Task;
        _shares[ns] = new SemaphoreSlim(proxies);
    }

    public void Release(string ns, int proxies)
    {
        _shares.TryRemove(ns, out _);
        lock (_lock)
        {
            _used -= proxies;
            Grant();
        }
    }

    /// <summary>Waits until a pod with a proxy may start.</summary>
    public async Task<IDisposable> EnterAsync(string ns, CancellationToken cancellation)
    {
        if (!_shares.TryGetValue(ns, out var share))
            throw new InvalidOperationException($"namespace {ns} has reserved no proxies");
        await share.WaitAsync(cancellation);
        return new Place(share);
    }

    private void Grant()
    {
        while (_waiting.First?.Value is { } next && _used + next.Proxies <= most)
        {
            _used += next.Proxies;
            _waiting.RemoveFirst();
            next.Granted.SetResult();
        }
    }

    private sealed class Place(SemaphoreSlim share) : IDisposable
    {
        private int _left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
                share.Release();
        }
    }
}
