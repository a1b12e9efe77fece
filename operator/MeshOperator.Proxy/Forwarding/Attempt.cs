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

    private const int Waiting = 0;
    private const int Responded = 1;
    private const int GivenUp = 2;

    private readonly ForwardingState _state;
    private readonly UpstreamHost _host;
    private readonly CancellationTokenSource _ending = new();
    private readonly CancellationTokenRegistration _total;
    private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _phase;

    /// <summary>Begins an attempt.</summary>
    /// <param name="state">The request.</param>
    /// <param name="host">The endpoint.</param>
    public Attempt(ForwardingState state, UpstreamHost host)
    {
        (_state, _host) = (state, host);
        _total = state.Total.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _ending);
    }

    /// <summary>Ends the attempt.</summary>
    public CancellationToken Token => _ending.Token;

    /// <summary>Completes when the client is given the response; not when there is none, or a retry.</summary>
    public Task Answered => _answered.Task;

    /// <summary>Whether it was given up before there was a response.</summary>
    public bool IsGivenUp => Volatile.Read(ref _phase) == GivenUp;

    /// <summary>The status of the response, or 0.</summary>
    public int Status { get; private set; }

    /// <summary>Gives headers of a response that is left aside for a retry; null when it is not.</summary>
    public Func<string, string?>? RetriedHeader { get; private set; }

    /// <summary>Gives it up, unless there is a response.</summary>
    public void GiveUp()
    {
        if (Interlocked.CompareExchange(ref _phase, GivenUp, Waiting) == Waiting)
            _ending.Cancel();
    }

    /// <inheritdoc/>
    public override async ValueTask TransformRequestAsync(
        HttpContext httpContext,
        HttpRequestMessage proxyRequest,
        string destinationPrefix,
        CancellationToken cancellationToken
    )
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        proxyRequest.RequestUri = Target(_host, _state.Exchange.Request);
        proxyRequest.Headers.Host = _state.Exchange.Request.Authority;
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
        if (Interlocked.CompareExchange(ref _phase, Responded, Waiting) == GivenUp)
            throw new OperationCanceledException();
        Status = (int)proxyResponse.StatusCode;
        Func<string, string?> header = name =>
            proxyResponse.Headers.NonValidated.TryGetValues(name, out var values) ? string.Join(',', values) : null;
        var cluster = _state.Cluster;
        cluster.Answered(_host, Status, header);
        cluster.Statistics.CountResponse("cluster", cluster.StatName, "upstream_rq", Status);
        if (_state.TryBeginRetry(Status, header))
        {
            // The response is disposed of when the pause before the retry is determined.
            RetriedHeader = proxyResponse
                .Headers.NonValidated.ToDictionary(entry => entry.Key, entry => entry.Value.ToString(), StringComparer.OrdinalIgnoreCase)
                .GetValueOrDefault;
            return false;
        }

        await base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        _state.Exchange.CompleteResponseHeaders();
        if (_state.Cookie is { } cookie)
            httpContext.Response.Headers.Append("Set-Cookie", cookie);
        _answered.TrySetResult();
        return true;
    }

    /// <summary>The URL of a request at an endpoint, with its path as it was sent.</summary>
    public static Uri Target(UpstreamHost host, RequestView request) =>
        new($"http://{host.Authority}{(request.PathAndQuery.StartsWith('/') ? request.PathAndQuery : "/")}", AsWritten);

    /// <summary>Ends its timers.</summary>
    public void Dispose()
    {
        _total.Dispose();
        _ending.Dispose();
    }
}
