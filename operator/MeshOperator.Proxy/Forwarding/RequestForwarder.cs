using System.Diagnostics;
using System.Net;
using MeshOperator.Proxy.Exchanges;
using MeshOperator.Proxy.Routing;
using MeshOperator.Proxy.Upstream;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Polly.Timeout;
using Yarp.ReverseProxy.Forwarder;

namespace MeshOperator.Proxy.Forwarding;

/// <summary>Sends requests to clusters, and their responses to clients: with timeouts, retries and copies.</summary>
internal sealed class RequestForwarder : IDisposable
{
    private const int Unavailable = 503;
    private const int GatewayTimeout = 504;
    private const int DeadlineExceeded = 4;
    private const string TimeoutIsDeadlineExceeded = "envoy.reloadable_features.grpc_timeout_returns_deadline_exceeded";
    private const string Failed = "upstream connect error or disconnect/reset before headers. ";

    /// <summary>YARP ends requests after some time without bytes, and knows no endless time.</summary>
    private static readonly TimeSpan Endless = TimeSpan.FromDays(20);

    private readonly ServiceProvider _services;
    private readonly IHttpForwarder _forwarder;
    private readonly ClusterStore _clusters;
    private readonly RequestMirror _mirror;
    private readonly AttemptPolicies _policies;
    private readonly TimeProvider _time;

    /// <summary>Makes it.</summary>
    public RequestForwarder(ClusterStore clusters, TimeProvider time)
    {
        _clusters = clusters;
        _time = time;
        _mirror = new RequestMirror(clusters, time);
        _policies = new AttemptPolicies(time);
        _services = new ServiceCollection().AddLogging().AddHttpForwarder().BuildServiceProvider();
        _forwarder = _services.GetRequiredService<IHttpForwarder>();
    }

    /// <summary>Answers a request by its route.</summary>
    public async Task ForwardAsync(Exchange exchange)
    {
        if (exchange.Route is not { } route)
        {
            await exchange.ReplyAsync(StatusCodes.Status404NotFound, "");
            return;
        }

        if (route.Direct is { } direct)
        {
            await exchange.ReplyAsync(direct.Status, direct.Body);
            return;
        }

        if (_clusters.Find(route.ChooseCluster(exchange.Request)) is not { } cluster)
        {
            await exchange.ReplyAsync(Unavailable, "");
            return;
        }

        var context = exchange.Context;
        route.Headers.Apply(context.Request.Headers);
        exchange.Request.Authority = context.Request.Headers.Host.ToString();
        await using var body = Body(exchange, isKept: route.Retry is not null || route.Mirrors.Count > 0);
        foreach (var mirror in route.Mirrors.Where(mirror => mirror.Share.Has(exchange.Request.Number, exchange.Settings.Runtime)))
            _mirror.Send(mirror, exchange, body);
        await ForwardAsync(exchange, route, cluster, body);
    }

    /// <summary>Ends what it holds.</summary>
    public void Dispose() => _services.Dispose();

    private static ReplayBody? Body(Exchange exchange, bool isKept) =>
        exchange.Context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true } && !IsUpgrade(exchange.Context)
            ? new ReplayBody(exchange.Context.Request.Body, isKept)
            : null;

    private static bool IsUpgrade(HttpContext context) =>
        context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true }
        || context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true };

    private async Task ForwardAsync(Exchange exchange, RouteRule route, UpstreamCluster cluster, ReplayBody? body)
    {
        using var total = new CancellationTokenSource(Timeout.InfiniteTimeSpan, _time);
        using var aborted = exchange.Aborted.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), total);
        if (route.Timeout is { } timeout && !IsUpgrade(exchange.Context))
            StartTimeout(total, timeout, body);
        var hash = Hash(exchange, route, out var cookie);
        var state = new ForwardingState(exchange, route, cluster, body, total.Token) { Hash = hash, Cookie = cookie };
        try
        {
            var outcome = await _policies.RetryAsync(state, _ => TryAsync(state));
            await EndAsync(state, outcome.Rest is { } rest ? await rest : outcome);
        }
        catch (OperationCanceledException) when (total.IsCancellationRequested)
        {
            await TimedOutAsync(exchange, cluster);
        }
        finally
        {
            state.EndRetry();
        }
    }

    /// <summary>As Envoy does it, the time begins when the whole request has come.</summary>
    private static void StartTimeout(CancellationTokenSource total, TimeSpan timeout, ReplayBody? body)
    {
        if (body is null)
            total.CancelAfter(timeout);
        else
            _ = body.Completed.ContinueWith(
                _ =>
                {
                    try
                    {
                        total.CancelAfter(timeout);
                    }
                    catch (ObjectDisposedException)
                    {
                        // The request is over.
                    }
                },
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default
            );
    }

    private static ulong? Hash(Exchange exchange, RouteRule route, out string? cookie)
    {
        cookie = null;
        foreach (var key in route.Hashes)
        {
            if (key.Find(exchange.Request, exchange.Context, out cookie) is { } client)
                return HashKey.Hash(client);
        }

        return null;
    }

    private async ValueTask<AttemptOutcome> TryAsync(ForwardingState state)
    {
        var (exchange, cluster) = (state.Exchange, state.Cluster);
        var chosen = cluster.IsForChosenEndpoints
            ? cluster.FindChosen(state.Route.Endpoint)
            : cluster.Choose(state.Hash, state.Tried, state.Retries > 0 ? state.Route.Retry : null);
        if (chosen is not { } host)
            return AttemptOutcome.Failed(AttemptFailure.NoEndpoint);
        var version = IsUpgrade(exchange.Context) ? HttpVersion.Version11 : cluster.VersionFor(exchange.Context.Request.Protocol);
        if (!await cluster.Breaker.TryBeginRequestAsync(cluster.NeedsConnection(version), state.Total))
        {
            cluster.Statistics.Count("cluster", cluster.StatName, "upstream_rq_pending_overflow");
            return AttemptOutcome.Failed(AttemptFailure.Overflow, "overflow");
        }

        state.Tried.Add(host);
        try
        {
            return await _policies.LimitAsync(state, limit => SendAsync(state, host, version, limit));
        }
        catch (TimeoutRejectedException)
        {
            cluster.Statistics.Count("cluster", cluster.StatName, "upstream_rq_per_try_timeout");
            return AttemptOutcome.Failed(AttemptFailure.PerTryTimeout);
        }
    }

    /// <summary>Sends a request, and waits until its response is on its way to the client, or there is none for it.</summary>
    private async ValueTask<AttemptOutcome> SendAsync(ForwardingState state, UpstreamHost host, Version version, CancellationToken limit)
    {
        var attempt = new Attempt(state, host);
        var forwarding = ForwardAsync(state, attempt, host, version);
        await using (limit.UnsafeRegister(static attempt => ((Attempt)attempt!).GiveUp(), attempt))
            await Task.WhenAny(attempt.Answered, forwarding);
        var rest = CompleteAsync(attempt, forwarding);
        if (attempt.Answered.IsCompleted)
            return AttemptOutcome.Answered(rest);
        var outcome = await rest;
        if (attempt.IsGivenUp)
            limit.ThrowIfCancellationRequested();
        return outcome;
    }

    private static async Task<AttemptOutcome> CompleteAsync(Attempt attempt, Task<AttemptOutcome> forwarding)
    {
        using (attempt)
            return await forwarding;
    }

    private async Task<AttemptOutcome> ForwardAsync(ForwardingState state, Attempt attempt, UpstreamHost host, Version version)
    {
        host.Begin();
        var began = Stopwatch.GetTimestamp();
        try
        {
            return Outcome(state, attempt, host, await CarryAsync(state, attempt, host, version));
        }
        finally
        {
            host.End();
            // Of a request that its client gave up there is nothing to say.
            if (attempt.Status > 0 || !state.Exchange.Aborted.IsCancellationRequested)
                state.Cluster.Statistics.Loads.Count(state.Cluster.Name, isError: attempt.Status is 0 or >= 500);
            if (attempt.Status > 0 && state.Cluster.IsOfShift)
                state.Cluster.Statistics.Latencies.Add(state.Cluster.StatName, Stopwatch.GetElapsedTime(began));
            state.Cluster.Breaker.EndRequest(state.Cluster.NeedsConnection(version));
        }
    }

    private async ValueTask<ForwarderError> CarryAsync(ForwardingState state, Attempt attempt, UpstreamHost host, Version version)
    {
        var (exchange, cluster) = (state.Exchange, state.Cluster);
        var context = exchange.Context;
        cluster.Statistics.Count("cluster", cluster.StatName, "upstream_rq_total");
        if (state.Body is not null)
            context.Request.Body = state.Body.Open();
        var idle = state.Route.IdleTimeout ?? exchange.Settings.IdleTimeout ?? TimeSpan.Zero;
        var configuration = new ForwarderRequestConfig
        {
            ActivityTimeout = idle > TimeSpan.Zero ? idle : Endless,
            Version = version,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            AllowResponseBuffering = false,
        };

        // YARP refuses a response that an earlier attempt has left its status in.
        context.Response.StatusCode = StatusCodes.Status200OK;
        context.Features.Set<IForwarderErrorFeature>(null);
        return await _forwarder.SendAsync(
            context,
            $"http://{host.Authority}",
            cluster.GetTransport(host).Invoker,
            configuration,
            attempt,
            attempt.Token
        );
    }

    /// <summary>What YARP's result means.</summary>
    /// <exception cref="OperationCanceledException">The whole request took too long.</exception>
    private static AttemptOutcome Outcome(ForwardingState state, Attempt attempt, UpstreamHost host, ForwarderError error)
    {
        var context = state.Exchange.Context;
        if (error is ForwarderError.None)
            return attempt.RetriedHeader is { } header ? AttemptOutcome.Retried(header) : AttemptOutcome.Done;
        if (IsAnsweredEarly(context, error))
            return AttemptOutcome.Done;
        if (context.Response.HasStarted)
        {
            context.Abort();
            return AttemptOutcome.Done;
        }

        if (state.Exchange.Aborted.IsCancellationRequested)
            return AttemptOutcome.Done;
        if (attempt.Status == 0)
            state.Cluster.Failed(host);
        state.Total.ThrowIfCancellationRequested();
        var (failure, reason) = Failure(context);
        return AttemptOutcome.Failed(failure, reason);
    }

    /// <summary>Whether the response is complete, and only the rest of the request's body was not taken, as by a server that rejects a call
    /// at once. YARP reports both errors where the response failed as well.</summary>
    private static bool IsAnsweredEarly(HttpContext context, ForwarderError error) =>
        context.Response.HasStarted
        && error is (ForwarderError.RequestBodyCanceled or ForwarderError.RequestBodyClient or ForwarderError.RequestBodyDestination)
        && context.Features.Get<IForwarderErrorFeature>()?.Exception is not AggregateException;

    /// <summary>Why YARP got no response.</summary>
    private static (AttemptFailure Failure, string Reason) Failure(HttpContext context)
    {
        for (
            var exception = context.Features.Get<IForwarderErrorFeature>()?.Exception;
            exception is not null;
            exception = exception.InnerException
        )
        {
            if (exception is UpstreamConnectException connect)
            {
                return (
                    AttemptFailure.Connect,
                    connect.Reason == "connection timeout"
                        ? connect.Reason
                        : $"remote connection failure, transport failure reason: {connect.Reason}"
                );
            }

            const int RefusedStream = 7;
            if (exception is HttpProtocolException { ErrorCode: RefusedStream })
                return (AttemptFailure.RefusedStream, "remote refused stream reset");
        }

        return (AttemptFailure.Reset, "connection termination");
    }

    /// <summary>Answers in the server's place where it did not.</summary>
    private static async Task EndAsync(ForwardingState state, AttemptOutcome outcome)
    {
        switch (outcome.Failure)
        {
            case AttemptFailure.None:
                break;
            case AttemptFailure.NoEndpoint:
                await state.Exchange.ReplyAsync(Unavailable, "no healthy upstream");
                break;
            case AttemptFailure.PerTryTimeout:
                await ReplyTimeoutAsync(state.Exchange);
                break;
            default:
                var again = state.Retries > 0 ? "retried and the latest reset reason: " : "reset reason: ";
                state.Cluster.Statistics.CountResponse("cluster", state.Cluster.StatName, "upstream_rq", Unavailable);
                await state.Exchange.ReplyAsync(Unavailable, $"{Failed}{again}{outcome.Reason}", Flag(outcome.Failure));
                break;
        }
    }

    /// <summary>Envoy's flag of a failure; null for those that no answer has headers by.</summary>
    private static string? Flag(AttemptFailure failure) =>
        failure switch
        {
            AttemptFailure.Connect => "UF",
            AttemptFailure.Overflow => "UO",
            _ => null,
        };

    private static async Task TimedOutAsync(Exchange exchange, UpstreamCluster cluster)
    {
        if (exchange.Aborted.IsCancellationRequested)
            return;
        cluster.Statistics.Count("cluster", cluster.StatName, "upstream_rq_timeout");
        cluster.Statistics.CountResponse("cluster", cluster.StatName, "upstream_rq", GatewayTimeout);
        await ReplyTimeoutAsync(exchange);
    }

    private static Task ReplyTimeoutAsync(Exchange exchange) =>
        exchange.ReplyAsync(
            GatewayTimeout,
            "upstream request timeout",
            grpcStatus: exchange.Settings.Runtime.IsOn(TimeoutIsDeadlineExceeded) ? DeadlineExceeded : null
        );
}
