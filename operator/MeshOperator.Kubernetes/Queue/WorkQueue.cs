using System.Threading.Channels;
using MeshOperator.Kubernetes.Metrics;

namespace MeshOperator.Kubernetes.Queue;

/// <summary>A queue of keys for reconciling. A key that is added while it waits is not added twice; one that is added while it is
/// processed comes again afterwards, and is never given to two workers at once. Thread-safe.</summary>
/// <typeparam name="TKey">Compared by its own equality.</typeparam>
public sealed class WorkQueue<TKey> : IDisposable
    where TKey : notnull
{
    private static readonly ExponentialBackoff DefaultBackoff = new(TimeSpan.FromMilliseconds(50), TimeSpan.FromMinutes(1));
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(1);
    private readonly Lock _lock = new();

    /// <summary>Keys that wait, with the time since when.</summary>
    private readonly Dictionary<TKey, long> _dirty = [];

    /// <summary>Keys that a worker has, with the time since when.</summary>
    private readonly Dictionary<TKey, long> _processing = [];

    private readonly Dictionary<TKey, int> _failures = [];
    private readonly Dictionary<TKey, DateTimeOffset> _due = [];
    private readonly PriorityQueue<TKey, DateTimeOffset> _delayed = new();
    private readonly Channel<TKey> _ready = Channel.CreateUnbounded<TKey>();
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly ITimer _timer;
    private readonly ExponentialBackoff _backoff;
    private readonly KeyValuePair<string, object?>? _name;
    private bool _closed;

    /// <summary>Makes an empty queue.</summary>
    /// <param name="time">The clock of delayed adds.</param>
    /// <param name="random">The source of jitter.</param>
    /// <param name="backoff">The pauses of <see cref="AddAfterFailure"/>; null means 50 ms to 1 min.</param>
    /// <param name="name">The name under which it is measured; null means that it is not.</param>
    public WorkQueue(TimeProvider time, Random random, ExponentialBackoff? backoff = null, string? name = null)
    {
        _time = time;
        _random = random;
        _backoff = backoff ?? DefaultBackoff;
        _timer = time.CreateTimer(_ => AddDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        if (name is null)
            return;
        _name = new KeyValuePair<string, object?>("queue", name);
        KubernetesMetrics.QueueDepths.Add(this, "queue", name, static q => q.Count);
    }

    /// <summary>How many keys wait to be taken, those with a delay not counted.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _dirty.Count;
        }
    }

    /// <summary>Adds a key.</summary>
    public void Add(TKey key)
    {
        lock (_lock)
        {
            if (_closed || !_dirty.TryAdd(key, _time.GetTimestamp()))
                return;
            if (_name is { } name)
                KubernetesMetrics.QueueAdds.Add(1, name);
            if (!_processing.ContainsKey(key))
                _ready.Writer.TryWrite(key);
        }
    }

    /// <summary>Adds a key after a delay; of several delays of one key the shortest counts.</summary>
    public void AddAfter(TKey key, TimeSpan delay)
    {
        if (delay <= TimeSpan.Zero)
        {
            Add(key);
            return;
        }

        lock (_lock)
        {
            var due = _time.GetUtcNow() + delay;
            if (_closed || (_due.TryGetValue(key, out var earlier) && earlier <= due))
                return;
            _due[key] = due;
            _delayed.Enqueue(key, due);
            SetTimer();
        }
    }

    /// <summary>Adds a key after a pause that grows with each failure until <see cref="Forget"/>.</summary>
    public void AddAfterFailure(TKey key)
    {
        TimeSpan pause;
        lock (_lock)
        {
            var failures = _failures[key] = _failures.GetValueOrDefault(key) + 1;
            pause = _backoff.After(failures, _random.NextDouble());
            if (_name is { } name)
                KubernetesMetrics.QueueRetries.Add(1, name);
        }

        AddAfter(key, pause);
    }

    /// <summary>Forgets a key's failures.</summary>
    public void Forget(TKey key)
    {
        lock (_lock)
            _failures.Remove(key);
    }

    /// <summary>Takes the next key, and waits for one. <see cref="Done"/> must follow.</summary>
    /// <exception cref="ChannelClosedException">The queue was closed and is empty.</exception>
    public async ValueTask<TKey> TakeAsync(CancellationToken cancellation)
    {
        var key = await _ready.Reader.ReadAsync(cancellation);
        lock (_lock)
        {
            _dirty.Remove(key, out var since);
            _processing[key] = _time.GetTimestamp();
            if (_name is { } name)
                KubernetesMetrics.QueueDuration.Record(_time.GetElapsedTime(since).TotalSeconds, name);
        }

        return key;
    }

    /// <summary>Says that a taken key is processed; if it was added meanwhile it can be taken again.</summary>
    public void Done(TKey key)
    {
        lock (_lock)
        {
            if (_processing.Remove(key, out var since) && _name is { } name)
                KubernetesMetrics.WorkDuration.Record(_time.GetElapsedTime(since).TotalSeconds, name);
            if (_dirty.ContainsKey(key))
                _ready.Writer.TryWrite(key);
            else
                CompleteIfIdle();
        }
    }

    /// <summary>Takes no more keys in; those that wait can still be taken, those with a delay are dropped.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            _delayed.Clear();
            _due.Clear();
            CompleteIfIdle();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Close();
        KubernetesMetrics.QueueDepths.Remove(this);
        _timer.Dispose();
    }

    private void CompleteIfIdle()
    {
        if (!_closed || _processing.Count > 0)
            return;
        // What waits is in the channel and can still be read; nothing more can come.
        _ready.Writer.TryComplete();
    }

    private void AddDue()
    {
        lock (_lock)
        {
            var now = _time.GetUtcNow();
            while (_delayed.TryPeek(out var key, out var due) && due <= now)
            {
                _delayed.Dequeue();
                // An entry whose time is not the key's current one was overtaken by an earlier one.
                if (!_due.TryGetValue(key, out var current) || current != due)
                    continue;
                _due.Remove(key);
                Add(key);
            }

            SetTimer();
        }
    }

    private void SetTimer()
    {
        if (!_delayed.TryPeek(out _, out var due))
            return;
        var wait = due - _time.GetUtcNow();
        // A timer has a longest time; it looks again then.
        if (wait > LongestTimer)
            wait = LongestTimer;
        _timer.Change(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }
}
