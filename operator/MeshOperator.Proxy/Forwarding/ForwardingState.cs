using MeshOperator.Proxy.Exchanges;
using MeshOperator.Proxy.Routing;
using MeshOperator.Proxy.Upstream;

namespace MeshOperator.Proxy.Forwarding;

/// <summary>How far a request is with its attempts.</summary>
internal sealed class ForwardingState(
    Exchange exchange,
    RouteRule route,
    UpstreamCluster cluster,
    ReplayBody? body,
    CancellationToken total
)
{
    private bool _isRetrying;

    /// <summary>A cookie that the client is given.</summary>
    public string? Cookie { get; init; }

    /// <summary>The request.</summary>
    public Exchange Exchange => exchange;

    /// <summary>Its route.</summary>
    public RouteRule Route => route;

    /// <summary>Its cluster.</summary>
    public UpstreamCluster Cluster => cluster;

    /// <summary>Its body, if any.</summary>
    public ReplayBody? Body => body;

    /// <summary>Ends with the whole request.</summary>
    public CancellationToken Total => total;

    /// <summary>The hash of the client.</summary>
    public ulong? Hash { get; init; }

    /// <summary>Endpoints that were tried.</summary>
    public HashSet<UpstreamHost> Tried { get; } = [];

    /// <summary>How many retries there were.</summary>
    public int Retries { get; private set; }

    /// <summary>Whether an attempt is followed by another. If so, the retry is in flight from now on.</summary>
    public bool IsRetried(AttemptOutcome? outcome) =>
        outcome is not null
        && (outcome.RetriedHeader is not null || (route.Retry is { } retry && retry.RetriesOn(outcome.Failure) && TryBeginRetry()));

    /// <summary>How long to wait before the retry that was begun.</summary>
    public TimeSpan Pause(AttemptOutcome? outcome, DateTimeOffset now) => route.Retry!.Pause(Retries, outcome?.RetriedHeader, now);

    /// <summary>Begins a retry for a response, if its status or headers ask for one.</summary>
    public bool TryBeginRetry(int status, Func<string, string?> header) =>
        route.Retry is { } retry && retry.RetriesOn(status, header) && TryBeginRetry();

    /// <summary>Ends a retry, if one is in flight.</summary>
    public void EndRetry()
    {
        if (_isRetrying)
            cluster.Breaker.EndRetry();
        _isRetrying = false;
    }

    /// <summary>Begins a retry, as far as there are some left for the request and the cluster.</summary>
    private bool TryBeginRetry()
    {
        EndRetry();
        if (Retries >= route.Retry!.Retries || body is { CanReplay: false } || total.IsCancellationRequested)
            return false;
        _isRetrying = cluster.Breaker.TryBeginRetry();
        if (_isRetrying)
            Retries++;
        cluster.Statistics.Count("cluster", cluster.StatName, _isRetrying ? "upstream_rq_retry" : "upstream_rq_retry_overflow");
        return _isRetrying;
    }
}
