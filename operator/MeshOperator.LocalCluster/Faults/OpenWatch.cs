using MeshOperator.LocalCluster.Protocol;

namespace MeshOperator.LocalCluster.Faults;

/// <summary>A watch that can be stopped from outside.</summary>
internal sealed class OpenWatch(FaultInjector injector, RequestAttributes request) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _struck = new();
    private bool _closed;
    private FaultKind? _by;

    public RequestAttributes Request => request;

    /// <summary>Cancelled when the watch is struck.</summary>
    public CancellationToken Struck => _struck.Token;

    /// <summary>What stopped it; null while nothing has.</summary>
    public FaultKind? By
    {
        get
        {
            lock (_lock)
                return _by;
        }
    }

    /// <summary>Stops the watch; false if it was stopped or closed before.</summary>
    public bool Strike(FaultKind by)
    {
        lock (_lock)
        {
            if (_closed || _by is not null)
                return false;
            _by = by;
            _struck.Cancel();
            return true;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _closed = true;
            _struck.Dispose();
        }

        injector.Closed(this);
    }
}
