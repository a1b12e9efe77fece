using System.Collections.Concurrent;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Statuses;

/// <summary>How often the status of one policy may be written: a few times at once, as one change needs, but on average not more often than
/// each <paramref name="every"/>. Else whoever writes to a policy without end would have the operator write as often.</summary>
/// <param name="every">The time from one write to the next, on average.</param>
/// <param name="atOnce">How many may follow each other at once after a time without any.</param>
internal sealed class WritePace(TimeSpan every, int atOnce)
{
    /// <summary>When as much time will have passed as the writes so far take at this pace.</summary>
    private readonly ConcurrentDictionary<PolicyKey, DateTimeOffset> _even = new();

    /// <summary>When the status of a policy may be written next; in the past if it may be at once.</summary>
    public DateTimeOffset DueAt(PolicyKey key) =>
        _even.TryGetValue(key, out var even) ? even - (every * (atOnce - 1)) : DateTimeOffset.MinValue;

    /// <summary>Counts a write.</summary>
    public void Count(PolicyKey key, DateTimeOffset now) =>
        _even.AddOrUpdate(
            key,
            static (_, a) => a.Now + a.Every,
            static (_, even, a) => (even > a.Now ? even : a.Now) + a.Every,
            (Now: now, Every: every)
        );

    /// <summary>Forgets policies that are gone.</summary>
    public void Keep(Func<PolicyKey, bool> isThere)
    {
        foreach (var gone in _even.Keys.Where(key => !isThere(key)))
            _even.TryRemove(gone, out _);
    }
}
