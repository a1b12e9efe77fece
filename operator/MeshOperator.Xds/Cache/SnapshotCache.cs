using System.Collections.Concurrent;
using MeshOperator.Xds.Server;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Xds.Cache;

/// <summary>Holds the configuration that is served. A new one is swapped in whole; each stream then finds out by itself what of it
/// its proxy lacks.</summary>
public sealed class SnapshotCache
{
    private readonly ConcurrentDictionary<WakeSignal, Func<EnvoyConfiguration, bool>> _waiting = new();
    private volatile EnvoyConfiguration? _current;

    /// <summary>Whether there is a configuration yet. Until then streams wait, so that a proxy which knows more from another replica
    /// does not see everything go.</summary>
    public bool IsReady => _current is not null;

    /// <summary>Raised after each change of the configuration, on the caller's thread; must return quickly.</summary>
    internal event Action? Updated;

    /// <summary>What is served, or null before the first <see cref="Update"/>.</summary>
    internal EnvoyConfiguration? Current => _current;

    /// <summary>Serves <paramref name="configuration"/> from now on and wakes the streams whose client is sent something else by it.
    /// Resources whose version did not change are not sent again.</summary>
    /// <returns>How many streams were woken.</returns>
    public int Update(EnvoyConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        if (ReferenceEquals(_current, configuration))
            return 0;
        _current = configuration;
        // A stream says what it looks at and then looks whether that is still served: one of the two sees what the other has done.
        Interlocked.MemoryBarrier();
        var woken = 0;
        foreach (var (signal, isConcerned) in _waiting)
        {
            if (!isConcerned(configuration))
                continue;
            woken++;
            signal.Set();
        }

        Updated?.Invoke();
        return woken;
    }

    /// <summary>Lets all streams look again.</summary>
    internal void Wake()
    {
        foreach (var (signal, _) in _waiting)
            signal.Set();
    }

    /// <summary>From now until it is disposed of, <paramref name="signal"/> is set at each change that concerns its stream.</summary>
    /// <param name="signal">The signal.</param>
    /// <param name="isConcerned">Whether what is served now is something else for the stream than what it has looked at; asked on another
    /// thread.</param>
    internal IDisposable Subscribe(WakeSignal signal, Func<EnvoyConfiguration, bool> isConcerned)
    {
        _waiting.TryAdd(signal, isConcerned);
        return new Subscription(this, signal);
    }

    private sealed class Subscription(SnapshotCache cache, WakeSignal signal) : IDisposable
    {
        public void Dispose() => cache._waiting.TryRemove(signal, out _);
    }
}
