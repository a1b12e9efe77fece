using System.Collections.Concurrent;
using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Features;

namespace MeshOperator.EndToEnd.Applications;

/// <summary>What the application does with a request. Headers order it: <c>x-status</c>, <c>x-delay</c> (ms; with <c>x-slow-at</c> at that
/// pod only, with <c>x-twice-at</c> twice as long at that pod, events too), <c>x-size</c> (bytes of the answer), <c>x-fail-at</c> (the pod
/// that answers <c>x-fail-status</c>, else 503; with
/// <c>x-fail-each</c> only each so many-th request),
/// <c>x-fail-first</c> (how many requests of the key fail), <c>x-slots</c> (more at once are answered 503), <c>x-close</c>, <c>x-reset</c>,
/// <c>x-key</c> (counts arrivals, with <c>/received</c> whole bodies, with <c>/gone</c> callers that went away), <c>x-load-report</c>
/// (see <see cref="LoadReport"/>). A path <c>/status/500</c> orders the status, too. Without
/// <c>x-size</c> the answer is JSON and says what arrived.</summary>
internal sealed class Behavior(Identity identity, LoadReport load)
{
    private int _running;
    private int _failing;
    private static readonly byte[] Filler = [.. Enumerable.Repeat((byte)'x', 64 * 1024)];
    private static readonly ConcurrentDictionary<string, ConcurrentQueue<string>> ByKey = new(StringComparer.Ordinal);

    /// <summary>Which pods the requests with a key arrived at, in their order, over all applications.</summary>
    public static IReadOnlyList<string> Arrivals(string key) => ByKey.TryGetValue(key, out var pods) ? [.. pods] : [];

    public async Task HandleAsync(HttpContext context)
    {
        var request = context.Request;
        context.Response.Headers["x-pod"] = identity.Pod;
        context.Response.Headers["x-version"] = identity.Version;
        if (context.WebSockets.IsWebSocketRequest)
        {
            await EchoAsync(context);
            return;
        }

        var running = Interlocked.Increment(ref _running);
        load.Add(context);
        var arrived = Text(context, "x-key") is { } key ? Note(key, identity.Pod) : 0;
        await using var gone = context.RequestAborted.Register(() => Note($"{Text(context, "x-key")}/gone", identity.Pod));
        try
        {
            if (Number(context, "x-delay") is { } delay && (Text(context, "x-slow-at") ?? identity.Pod) == identity.Pod)
                await DelayAsync(context, delay);
            if (running > (Number(context, "x-slots") ?? int.MaxValue))
                context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            else if (request.Path == "/events")
                await SendEventsAsync(context);
            else
                await AnswerAsync(context, arrived);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or BadHttpRequestException)
        {
            // The caller has gone.
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    private async Task AnswerAsync(HttpContext context, int arrived)
    {
        if (Text(context, "x-reset") is not null)
        {
            context.Abort();
            return;
        }

        var received = await DrainAsync(context.Request.Body, context.RequestAborted);
        if (Text(context, "x-key") is { } key)
            Note($"{key}/received", received.ToString(CultureInfo.InvariantCulture));
        if (Text(context, "x-close") is not null)
            context.Response.Headers.Connection = "close";
        var fails = FailsHere(context) || arrived <= (Number(context, "x-fail-first") ?? 0) && arrived > 0;
        context.Response.StatusCode = fails
            ? Number(context, "x-fail-status") ?? 503
            : Number(context, "x-status") ?? FindStatus(context) ?? 200;
        if (Number(context, "x-size") is { } size)
        {
            context.Response.ContentLength = size;
            for (var left = size; left > 0; left -= Filler.Length)
                await context.Response.Body.WriteAsync(Filler.AsMemory(0, Math.Min(left, Filler.Length)), context.RequestAborted);
            return;
        }

        await context.Response.WriteAsync(Describe(context, received).ToJsonString(), context.RequestAborted);
    }

    /// <summary>For callers whose headers a test does not choose.</summary>
    private static int? FindStatus(HttpContext context) =>
        context.Request.Path.StartsWithSegments("/status", out var status)
        && int.TryParse(status.Value.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    private bool FailsHere(HttpContext context) =>
        Text(context, "x-fail-at") == identity.Pod
        && (Number(context, "x-fail-each") is not { } each || Interlocked.Increment(ref _failing) % each == 0);

    private JsonObject Describe(HttpContext context, long received) =>
        new()
        {
            ["pod"] = identity.Pod,
            ["version"] = identity.Version,
            ["method"] = context.Request.Method,
            ["target"] = context.Features.Get<IHttpRequestFeature>()!.RawTarget,
            ["host"] = context.Request.Host.Value,
            ["protocol"] = context.Request.Protocol,
            ["caller"] = context.Connection.RemoteIpAddress?.ToString(),
            ["received"] = received,
            ["headers"] = new JsonObject(
                context.Request.Headers.Select(h =>
                    KeyValuePair.Create(h.Key.ToLower(CultureInfo.InvariantCulture), (JsonNode?)h.Value.ToString())
                )
            ),
        };

    /// <summary>Server-sent events: <c>x-count</c> of them, one each <c>x-interval</c> ms, the first at once, or <c>x-first</c> ms after
    /// the headers.</summary>
    private async Task SendEventsAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        var (count, interval) = (Number(context, "x-count") ?? 3, Number(context, "x-interval") ?? 200);
        if (Number(context, "x-first") is { } first)
        {
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await DelayAsync(context, first);
        }

        for (var i = 0; i < count; i++)
        {
            await context.Response.WriteAsync($"data: {i} {identity.Pod}\n\n", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            if (i + 1 < count)
                await DelayAsync(context, interval);
        }
    }

    private Task DelayAsync(HttpContext context, int milliseconds) =>
        Task.Delay(
            TimeSpan.FromMilliseconds(Text(context, "x-twice-at") == identity.Pod ? 2 * milliseconds : milliseconds),
            TimeProvider.System,
            context.RequestAborted
        );

    /// <summary>A WebSocket: sends back each message.</summary>
    private static async Task EchoAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[64 * 1024];
        try
        {
            while (true)
            {
                var message = await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted);
                if (message.MessageType == WebSocketMessageType.Close)
                    break;
                var same = buffer.AsMemory(0, message.Count);
                await socket.SendAsync(same, message.MessageType, message.EndOfMessage, context.RequestAborted);
            }

            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException or IOException)
        {
            // The caller has gone.
        }
    }

    /// <summary>Notes an arrival.</summary>
    /// <param name="key">The request's key.</param>
    /// <param name="what">What is noted.</param>
    /// <returns>How many have arrived with the key.</returns>
    public static int Note(string key, string what)
    {
        var arrivals = ByKey.GetOrAdd(key, _ => new ConcurrentQueue<string>());
        arrivals.Enqueue(what);
        return arrivals.Count;
    }

    private static async Task<long> DrainAsync(Stream body, CancellationToken cancellation)
    {
        var buffer = new byte[64 * 1024];
        long total = 0;
        while (await body.ReadAsync(buffer, cancellation) is var read and > 0)
            total += read;
        return total;
    }

    private static string? Text(HttpContext context, string header) =>
        context.Request.Headers.TryGetValue(header, out var value) ? value.ToString() : null;

    private static int? Number(HttpContext context, string header) =>
        int.TryParse(Text(context, header), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
