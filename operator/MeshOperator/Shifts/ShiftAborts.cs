using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Shifts;

/// <summary>Measures how long it takes from a failed check until every proxy that is waited for has acknowledged that all traffic goes
/// back. Not thread-safe.</summary>
internal sealed class ShiftAborts(ShiftMetrics metrics, TimeProvider time)
{
    private readonly Dictionary<(ObjectName Split, string Rule), DateTimeOffset> _failedAt = [];

    /// <summary>Takes a transition. One that a person has commanded is not measured.</summary>
    /// <param name="split">The name of the TrafficSplit.</param>
    /// <param name="before">Where the shift was.</param>
    /// <param name="after">Where it is.</param>
    /// <param name="decidedAt">When that was decided; it took time to write it down.</param>
    public void Note(ObjectName split, ShiftState? before, ShiftState after, DateTimeOffset decidedAt)
    {
        if (after.Phase is not ShiftPhase.RolledBack)
            _failedAt.Remove((split, after.Rule));
        else if (before is { IsJudged: true } && before.Command == after.Command)
            _failedAt[(split, after.Rule)] = decidedAt;
    }

    /// <summary>All proxies have acknowledged it.</summary>
    public void End(ObjectName split, ShiftState state)
    {
        if (_failedAt.Remove((split, state.Rule), out var failedAt))
            metrics.Abort(split, state, time.GetUtcNow() - failedAt);
    }

    /// <summary>Keeps nothing of splits that are gone.</summary>
    public void Keep(Predicate<ObjectName> isThere)
    {
        foreach (var gone in _failedAt.Keys.Where(key => !isThere(key.Split)).ToList())
            _failedAt.Remove(gone);
    }
}
