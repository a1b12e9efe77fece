using Envoy.Config.Cluster.V3;
using Thresholds = Envoy.Config.Cluster.V3.CircuitBreakers.Types.Thresholds;

namespace MeshOperator.Proxy.Upstream;

/// <summary>Bounds what a cluster has to do at once. Requests of HTTP/1.1 have a connection each, as long as they take.</summary>
internal sealed class CircuitBreaker
{
    private const uint Default = 1024;
    private const uint DefaultRetries = 3;
    private const double DefaultBudget = 20;

    private readonly Lock _gate = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private readonly uint _maxConnections;
    private readonly uint _maxPending;
    private readonly uint _maxRequests;
    private readonly uint _maxRetries;
    private readonly Thresholds.Types.RetryBudget? _budget;
    private uint _connections;
    private uint _pending;
    private uint _requests;
    private uint _retries;

    /// <summary>Makes the bounds of a cluster.</summary>
    public CircuitBreaker(CircuitBreakers? breakers)
    {
        var thresholds = breakers?.Thresholds.FirstOrDefault() ?? new Thresholds();
        _maxConnections = thresholds.MaxConnections ?? Default;
        _maxPending = thresholds.MaxPendingRequests ?? Default;
        _maxRequests = thresholds.MaxRequests ?? Default;
        _maxRetries = thresholds.MaxRetries ?? DefaultRetries;
        _budget = thresholds.RetryBudget;
    }

    /// <summary>Begins a request; it may wait for a connection. False when there is too much to do.</summary>
    public async ValueTask<bool> TryBeginRequestAsync(bool needsConnection, CancellationToken cancellationToken)
    {
        TaskCompletionSource? turn = null;
        lock (_gate)
        {
            if (_requests >= _maxRequests)
                return false;
            if (needsConnection && _connections >= _maxConnections)
            {
                if (_pending >= _maxPending)
                    return false;
                _pending++;
                _waiting.Enqueue(turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            }
            else if (needsConnection)
            {
                _connections++;
            }

            _requests++;
        }

        if (turn is null)
            return true;
        try
        {
            await turn.Task.WaitAsync(cancellationToken);
            return true;
        }
        catch (OperationCanceledException)
        {
            lock (_gate)
            {
                // One that has gone is passed over; if its turn has come already, it passes it on.
                if (turn.TrySetCanceled(cancellationToken))
                    (_requests, _pending) = (_requests - 1, _pending - 1);
                else
                    End(needsConnection: true);
            }

            throw;
        }
    }

    /// <summary>Ends a request.</summary>
    public void EndRequest(bool needsConnection)
    {
        lock (_gate)
            End(needsConnection);
    }

    /// <summary>Begins a connection of bytes. False when there are too many.</summary>
    public bool TryBeginConnection()
    {
        lock (_gate)
        {
            if (_connections >= _maxConnections)
                return false;
            _connections++;
            return true;
        }
    }

    /// <summary>Ends a connection of bytes.</summary>
    public void EndConnection()
    {
        lock (_gate)
            Release();
    }

    /// <summary>Begins a retry. False when there are too many at once.</summary>
    public bool TryBeginRetry()
    {
        lock (_gate)
        {
            var most = _budget is null
                ? _maxRetries
                : Math.Max(
                    _budget.MinRetryConcurrency ?? DefaultRetries,
                    (_budget.BudgetPercent?.Value ?? DefaultBudget) / 100 * _requests
                );
            if (_retries + 1 > most)
                return false;
            _retries++;
            return true;
        }
    }

    /// <summary>Ends a retry.</summary>
    public void EndRetry()
    {
        lock (_gate)
            _retries--;
    }

    private void End(bool needsConnection)
    {
        _requests--;
        if (needsConnection)
            Release();
    }

    private void Release()
    {
        while (_waiting.TryDequeue(out var turn))
        {
            if (!turn.TrySetResult())
                continue;
            _pending--;
            return;
        }

        _connections--;
    }
}
