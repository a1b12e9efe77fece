using System.Collections.Concurrent;
using MeshOperator.Xds.Server;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Xds.Cache;

/// <summary>Holds the configuration that is served. A new one is swapped in whole; each stream then finds out by itself what of it
/// its proxy lacks.</summary>
public sealed class SnapshotCache
{
    private readonly ConcurrentDictionary<WakeSignal, byte> _waiting = new();
    private volatile EnvoyConfiguration? _current;

    /// <summary>Whether there is a configuration yet. Until then streams wait, so that a proxy which knows more from another replica
    /// does not see everything go.</summary>
    public bool IsReady => _current is not null;

    /// <summary>Raised after each change of the configuration, on the caller's thread; must return quickly.</summary>
    internal event Action? Updated;

    /// <summary>What is served, or null before the first <see cref="Update"/>.</summary>
    internal EnvoyConfiguration? Current => _current;

    /// <summary>Serves <paramref name="configuration"/> from now on and wakes all streams. Resources whose version did not change are
    /// not sent again.</summary>
    public void Update(EnvoyConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        if (ReferenceEquals(_current, configuration))
            return;
        _current = configuration;
        Wake();
        Updated?.Invoke();
    }

    /// <summary>Lets all streams look again.</summary>
    internal void Wake()
    {
        foreach (var (signal, _) in _waiting)
            signal.Set();
    }

    /// <summary>From now until it is disposed of, <paramref name="signal"/> is set at each change.</summary>
    internal IDisposable Subscribe(WakeSignal signal)
    {
        _waiting.TryAdd(signal, 0);
        return new Subscription(this, signal);
    }

    private sealed class Subscription(SnapshotCache cache, WakeSignal signal) : IDisposable
    {
        public void Dispose() => cache._waiting.TryRemove(signal, out _);
    }
}
