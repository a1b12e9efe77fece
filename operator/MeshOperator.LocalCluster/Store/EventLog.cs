namespace MeshOperator.LocalCluster.Store;

/// <summary>
/// The last changes of one collection in a ring. Watchers keep a position in it and nothing else, so a slow one costs no
/// memory: it falls out of the ring and gets the error that its version has expired.
/// </summary>
internal sealed class EventLog(int capacity)
{
    private readonly Lock _lock = new();
    private readonly List<WatchEvent> _ring = [];
    private long _next;
    private long _droppedRevision;
    private TaskCompletionSource _changed = New();

    public void Append(WatchEvent change)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            if (_ring.Count < capacity)
            {
                _ring.Add(change);
            }
            else
            {
                var slot = (int)(_next % capacity);
                _droppedRevision = _ring[slot].Revision;
                _ring[slot] = change;
            }

            _next++;
            changed = _changed;
            _changed = New();
        }

        changed.SetResult();
    }

    /// <summary>The position after all changes up to a revision.</summary>
    /// <returns>False if changes after that revision were already dropped.</returns>
    public bool TryPosition(long revision, out long position)
    {
        lock (_lock)
        {
            position = _next;
            if (revision < _droppedRevision)
                return false;
            var first = _next - _ring.Count;
            var low = first;
            var high = _next;
            while (low < high)
            {
                var middle = low + ((high - low) / 2);
                if (_ring[(int)(middle % capacity)].Revision <= revision)
                    low = middle + 1;
                else
                    high = middle;
            }

            position = low;
            return true;
        }
    }

    /// <summary>Copies what lies after a position and moves it on.</summary>
    /// <param name="position">Where the watcher stands.</param>
    /// <param name="into">Receives the changes, at most 256 at a time.</param>
    /// <param name="changed">Completes when more has come; already complete if there is more now.</param>
    /// <returns>False if the watcher fell out of the ring.</returns>
    public bool TryRead(ref long position, List<WatchEvent> into, out Task changed)
    {
        lock (_lock)
        {
            changed = _changed.Task;
            if (position < _next - _ring.Count)
                return false;
            var end = Math.Min(_next, position + 256);
            for (; position < end; position++)
                into.Add(_ring[(int)(position % capacity)]);
            if (position < _next)
                changed = Task.CompletedTask;
            return true;
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
