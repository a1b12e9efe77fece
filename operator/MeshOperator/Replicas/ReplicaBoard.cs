using System.Collections.Immutable;
using System.Threading.Channels;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.LoadStats;
using MeshOperator.Xds.Registry;

namespace MeshOperator.Replicas;

/// <summary>Gathers what this replica has to say to the others: at most twice a second, only what changed, and only where there are
/// others.</summary>
internal sealed class ReplicaBoard(ProxyRegistry registry, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(500);
    private readonly Lock _gate = new();
    private IReadOnlyDictionary<PolicyKey, long> _generations = ImmutableDictionary<PolicyKey, long>.Empty;
    private ReplicaModes _modes = ReplicaModes.None;
    private ImmutableDictionary<string, ClusterLoad> _loads = ClusterLoad.None;
    private ReplicaState _current = ReplicaState.None;
    private readonly TaskCompletionSource _wanted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<bool> _counted = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );

    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Raised with the state before and the state after; must return at once.</summary>
    public event Action<ReplicaState, ReplicaState>? Published;

    /// <summary>What is said now.</summary>
    public ReplicaState Current => Volatile.Read(ref _current);

    /// <summary>There is another replica.</summary>
    public void Want() => _wanted.TrySetResult();

    /// <summary>Says which generation of each policy is served from now on.</summary>
    public void Post(IReadOnlyDictionary<PolicyKey, long> generations) => Volatile.Write(ref _generations, generations);

    /// <summary>Says how far changes of mode are. These are waited for, and so are not gathered.</summary>
    public void Post(ReplicaModes modes)
    {
        if (!modes.Equals(_modes))
            Publish(state => state with { Modes = _modes = modes });
    }

    /// <summary>Says what this replica's proxies have counted, by cluster.</summary>
    public void Post(ImmutableDictionary<string, ClusterLoad> loads)
    {
        if (loads.IsEmpty && _loads.IsEmpty)
            return;
        Volatile.Write(ref _loads, loads);
        _counted.Writer.TryWrite(true);
    }

    /// <summary>Completes when something else than <paramref name="seen"/> is said.</summary>
    public async Task<ReplicaState> WaitForChangeAsync(ReplicaState? seen, CancellationToken cancellation)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (!ReferenceEquals(_current, seen))
                    return _current;
                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellation);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await _wanted.Task.WaitAsync(stoppingToken);
            while (true)
            {
                var seen = registry.Revision;
                var proxies = Keep(Current.Proxies, registry.Report());
                var loads = Keep(Current.Loads, Volatile.Read(ref _loads), (_, load) => load);
                if (!ReferenceEquals(proxies, Current.Proxies) || !ReferenceEquals(loads, Current.Loads))
                    Publish(state => state with { Proxies = proxies, Loads = loads });
                await WaitForNewsAsync(seen, stoppingToken);
                await Task.Delay(Gather, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
    }

    /// <summary>Waits until proxies are somewhere else, or have counted something.</summary>
    private async Task WaitForNewsAsync(long seen, CancellationToken cancellation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        await Task.WhenAny(registry.WaitForChangeAsync(seen, either.Token), _counted.Reader.WaitToReadAsync(either.Token).AsTask());
        await either.CancelAsync();
        _counted.Reader.TryRead(out _);
        cancellation.ThrowIfCancellationRequested();
    }

    private void Publish(Func<ReplicaState, ReplicaState> change)
    {
        ReplicaState before;
        ReplicaState after;
        lock (_gate)
        {
            (before, after) = (_current, change(_current));
            Volatile.Write(ref _current, after);
            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        Published?.Invoke(before, after);
    }

    /// <summary>What has not changed stays the same object.</summary>
    private ReplicaProxies Keep(ReplicaProxies before, ReplicaProxies after)
    {
        var generations = Volatile.Read(ref _generations);
        var proxies = Keep(before.Proxies, after.Proxies, (_, proxy) => proxy);
        var policies = Keep(
            before.Policies,
            after.Policies,
            (key, policy) => policy with { Generation = generations.GetValueOrDefault(key) }
        );
        return ReferenceEquals(proxies, before.Proxies) && ReferenceEquals(policies, before.Policies)
            ? before
            : new ReplicaProxies(proxies, policies);
    }

    private static ImmutableDictionary<TKey, TValue> Keep<TKey, TValue>(
        ImmutableDictionary<TKey, TValue> before,
        ImmutableDictionary<TKey, TValue> after,
        Func<TKey, TValue, TValue> complete
    )
        where TKey : notnull
        where TValue : class
    {
        var kept = before.ToBuilder();
        kept.RemoveRange(before.Keys.Where(key => !after.ContainsKey(key)).ToList());
        foreach (var (key, value) in after)
        {
            var completed = complete(key, value);
            if (!kept.TryGetValue(key, out var old) || !old.Equals(completed))
                kept[key] = completed;
        }

        return kept.ToImmutable();
    }
}
