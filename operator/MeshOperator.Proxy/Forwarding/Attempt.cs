using MeshOperator.Proxy.Exchanges;
using MeshOperator.Proxy.Matching;
using MeshOperator.Proxy.Routing;
using MeshOperator.Proxy.Upstream;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Forwarder;

namespace MeshOperator.Proxy.Forwarding;

/// <summary>One attempt to have a request answered. As YARP's transformer it sees the response before the client does, and decides whether
/// it is passed on or the request is retried.</summary>
internal sealed class Attempt : HttpTransformer, IDisposable
{
    private static readonly UriCreationOptions AsWritten = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private readonly Exchange _exchange;
    private readonly UpstreamCluster _cluster;
    private readonly UpstreamHost _host;
    private readonly Func<int, Func<string, string?>, bool> _isRetried;
    private readonly CancellationTokenSource _timeout;
    private readonly CancellationTokenRegistration _total;
    private bool _isPerTryTimeout;

    /// <summary>Begins an attempt.</summary>
    /// <param name="exchange">The request.</param>
    /// <param name="cluster">Where it goes.</param>
    /// <param name="host">The endpoint.</param>
    /// <param name="time">The clock.</param>
    /// <param name="isRetried">Decides on a response by its status and headers.</param>
    /// <param name="perTryTimeout">How long the response may take.</param>
    /// <param name="total">Ends with the whole request.</param>
    public Attempt(
        Exchange exchange,
        UpstreamCluster cluster,
        UpstreamHost host,
        TimeProvider time,
        Func<int, Func<string, string?>, bool> isRetried,
        TimeSpan? perTryTimeout,
        CancellationToken total
    )
    {
        _exchange = exchange;
        _cluster = cluster;
        _host = host;
        _isRetried = isRetried;
        _timeout = new CancellationTokenSource(perTryTimeout ?? Timeout.InfiniteTimeSpan, time);
        _timeout.Token.Register(() => _isPerTryTimeout = !total.IsCancellationRequested);
        _total = total.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _timeout);
    }

    /// <summary>Ends the attempt.</summary>
    public CancellationToken Token => _timeout.Token;

    /// <summary>Whether it took too long.</summary>
    public bool IsPerTryTimeout => _isPerTryTimeout;

    /// <summary>The status of the response, or 0.</summary>
    public int Status { get; private set; }

    /// <summary>Whether the response is left aside for a retry.</summary>
    public bool IsRetried { get; private set; }

    /// <summary>Gives headers of the response that is left aside.</summary>
    public Func<string, string?>? Header { get; private set; }

    /// <summary>A cookie that the client is given.</summary>
    public string? Cookie { get; init; }

    /// <inheritdoc/>
    public override async ValueTask TransformRequestAsync(
        HttpContext httpContext,
        HttpRequestMessage proxyRequest,
        string destinationPrefix,
        CancellationToken cancellationToken
    )
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        proxyRequest.RequestUri = Target(_host, _exchange.Request);
        proxyRequest.Headers.Host = _exchange.Request.Authority;
    }

    /// <inheritdoc/>
    public override async ValueTask<bool> TransformResponseAsync(
        HttpContext httpContext,
        HttpResponseMessage? proxyResponse,
        CancellationToken cancellationToken
    )
    {
        if (proxyResponse is null)
            return false;
        Status = (int)proxyResponse.StatusCode;
        if (!_isPerTryTimeout)
            _timeout.CancelAfter(Timeout.InfiniteTimeSpan);
        Func<string, string?> header = name =>
            proxyResponse.Headers.NonValidated.TryGetValues(name, out var values) ? string.Join(',', values) : null;
        _cluster.Answered(_host, Status, header);
        _cluster.Statistics.CountResponse("cluster", _cluster.StatName, "upstream_rq", Status);
        if (_isRetried(Status, header))
        {
            IsRetried = true;

            // The response is disposed of when the pause before the retry is determined.
            var headers = proxyResponse.Headers.NonValidated.ToDictionary(
                entry => entry.Key,
                entry => entry.Value.ToString(),
                StringComparer.OrdinalIgnoreCase
            );
            Header = headers.GetValueOrDefault;
            return false;
        }

        await base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        _exchange.CompleteResponseHeaders();
        if (Cookie is not null)
            httpContext.Response.Headers.Append("Set-Cookie", Cookie);
        return true;
    }

    /// <summary>The URL of a request at an endpoint, with its path as it was sent.</summary>
    public static Uri Target(UpstreamHost host, RequestView request) =>
        new($"http://{host.Authority}{(request.PathAndQuery.StartsWith('/') ? request.PathAndQuery : "/")}", AsWritten);

    /// <summary>Ends its timers.</summary>
    public void Dispose()
    {
        _total.Dispose();
        _timeout.Dispose();
    }
}
