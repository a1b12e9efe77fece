namespace MeshOperator.EndToEnd.Cluster;

/// <summary>Lets scenarios run beside each other, but for those that do something to the operator or to the API server: each of them waits
/// until the others have ended, and later ones wait for it. Scenarios that only hold something open take no part.</summary>
internal sealed class Turns
{
    private readonly Lock _lock = new();
    private readonly Queue<(bool Alone, TaskCompletionSource<IDisposable> Granted)> _waiting = new();
    private int _together;
    private bool _isAlone;

    /// <summary>Waits for a turn, in the order of asking; disposing ends it.</summary>
    public Task<IDisposable> TakeAsync(bool alone)
    {
        var granted = new TaskCompletionSource<IDisposable>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            _waiting.Enqueue((alone, granted));
            Grant();
        }

        return granted.Task;
    }

    private void Grant()
    {
        while (!_isAlone && _waiting.TryPeek(out var next) && (!next.Alone || _together == 0))
        {
            _waiting.Dequeue();
            if (next.Alone)
                _isAlone = true;
            else
                _together++;
            next.Granted.SetResult(new Turn(this, next.Alone));
        }
    }

    private void End(bool alone)
    {
        lock (_lock)
        {
            if (alone)
                _isAlone = false;
            else
                _together--;
            Grant();
        }
    }

    private sealed class Turn(Turns turns, bool alone) : IDisposable
    {
        private int _ended;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _ended, 1) == 0)
                turns.End(alone);
        }
    }
}
