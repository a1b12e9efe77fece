using System.Globalization;
using System.Net;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Composition;
using MeshOperator.Injection;
using MeshOperator.Local.Traffic;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace MeshOperator.Local.Application;

/// <summary>Stands in for the application of a pod: serves all declared ports, says which version answered, and calls other services as the
/// pod's annotations say (<see cref="StandInSettings"/>). A port named <c>grpc</c>, <c>http2</c> or <c>h2c</c> speaks HTTP/2, one named
/// <c>tcp</c> or after a database sends bytes back, and any other speaks HTTP/1.1. gRPC calls and WebSockets get their messages back. A
/// request can ask for a status or a delay by headers (<see cref="StandInOrders"/>). It can also serve a language model
/// (<see cref="Completions"/>).</summary>
internal sealed class StandIn : IAsyncDisposable
{
    /// <summary>The header that names the version that answered.</summary>
    public const string VersionHeader = "x-version";

    /// <summary>The header that names the pod that answered.</summary>
    public const string PodHeader = "x-pod";

    /// <summary>The header that says whether the request came over mutual TLS.</summary>
    public const string MutualTlsHeader = "x-mutual-tls";

    /// <summary>Set by proxies from the caller's certificate.</summary>
    private const string ClientCertificateHeader = "x-forwarded-client-cert";

    private const int GrpcInternal = 13;
    private static readonly string[] ByteProtocols = ["tcp", "redis", "mysql", "postgres", "postgresql", "mongo", "amqp"];
    private static readonly string[] Http2Protocols = ["grpc", "http2", "h2c"];
    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(2);
    private readonly WebApplication _app;
    private readonly StandInSettings _settings;
    private readonly OutgoingCalls _calls;
    private readonly string _pod;
    private readonly string _version;
    private readonly Completions? _completions;
    private long _requests;
    private int _running;

    private StandIn(WebApplication app, StandInSettings settings, OutgoingCalls calls, string pod, string version)
    {
        (_app, _settings, _calls, _pod, _version) = (app, settings, calls, pod, version);
        _completions = settings.TokensPerSecond is { } rate ? new Completions(version, rate) : null;
    }

    /// <summary>How many requests it has had.</summary>
    public long Requests => Interlocked.Read(ref _requests);

    /// <summary>Starts it.</summary>
    /// <param name="pod">The pod.</param>
    /// <param name="address">Where it listens.</param>
    /// <param name="proxyAddress">The address of the pod's proxy; null without one.</param>
    /// <param name="traffic">Where its own calls are counted.</param>
    /// <param name="cancellation">Ends the start.</param>
    /// <exception cref="IOException">A port cannot be listened at; the message names it.</exception>
    /// <exception cref="FormatException">An annotation is wrong.</exception>
    public static async Task<StandIn> StartAsync(
        V1Pod pod,
        string address,
        string? proxyAddress,
        TrafficLog traffic,
        CancellationToken cancellation
    )
    {
        var settings = StandInSettings.Read(pod);
        var labels = pod.Metadata.Labels ?? new Dictionary<string, string>();
        var version = labels.TryGetValue("version", out var label) ? label : string.Empty;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        var ports = pod
            .Spec.Containers.Where(c => c.Name != SidecarInjector.ContainerName)
            .SelectMany(c => c.Ports ?? [])
            .Where(p => p.Protocol is null or "TCP")
            .DistinctBy(p => p.ContainerPort)
            .ToList();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Listen(kestrel, IPAddress.Parse(address), ports));
        var app = builder.Build();
        var calls = new OutgoingCalls(pod.Metadata.NamespaceProperty, proxyAddress, traffic);
        var standIn = new StandIn(app, settings, calls, pod.Metadata.Name, version);
        app.UseWebSockets();
        app.Run(standIn.HandleAsync);
        try
        {
            if (ports.Count > 0)
                await app.StartAsync(cancellation);
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            await app.DisposeAsync();
            var list = string.Join(", ", ports.Select(p => p.ContainerPort));
            throw new IOException($"its application cannot listen at {address}, ports {list}: {e.Message}", e);
        }

        return standIn;
    }

    /// <summary>Takes no new connections, and answers what is in flight.</summary>
    public async Task StopAsync()
    {
        using var limit = new CancellationTokenSource(StopWithin);
        await _app.StopAsync(limit.Token);
        await DisposeAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _calls.Dispose();
    }

    private static void Listen(KestrelServerOptions kestrel, IPAddress address, IEnumerable<V1ContainerPort> ports)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        foreach (var port in ports)
        {
            var protocol = (port.Name ?? string.Empty).Split('-')[0];
            kestrel.Listen(
                address,
                port.ContainerPort,
                listen =>
                {
                    listen.Protocols = Http2Protocols.Contains(protocol) ? HttpProtocols.Http2 : HttpProtocols.Http1;
                    if (ByteProtocols.Contains(protocol))
                        ((IConnectionBuilder)listen).Run(EchoAsync);
                }
            );
        }
    }

    /// <summary>Sends back what comes.</summary>
    private static async Task EchoAsync(ConnectionContext connection)
    {
        try
        {
            await connection.Transport.Input.CopyToAsync(connection.Transport.Output, connection.ConnectionClosed);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The client has gone.
        }
    }

    private async Task HandleAsync(HttpContext context)
    {
        Interlocked.Increment(ref _requests);
        try
        {
            if (Interlocked.Increment(ref _running) > _settings.Slots)
                context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            else
                await AnswerAsync(context);
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var isGrpc = context.Request.ContentType?.StartsWith("application/grpc", StringComparison.Ordinal) == true;
        var certificate = context.Request.Headers[ClientCertificateHeader].ToString();
        context.Response.Headers[PodHeader] = _pod;
        context.Response.Headers[VersionHeader] = _version;
        context.Response.Headers[MutualTlsHeader] = certificate.Length > 0 ? "true" : "false";
        var orders = StandInOrders.Read(context.Request.Headers, _pod);
        if ((orders.Delay ?? _settings.Latency) is var delay && delay > TimeSpan.Zero)
            await Task.Delay(delay, TimeProvider.System, context.RequestAborted);
        if (isGrpc)
        {
            await AnswerGrpcAsync(context, orders);
            return;
        }

        if (context.WebSockets.IsWebSocketRequest)
        {
            await SendMessagesBackAsync(context);
            return;
        }

        if (_completions is not null && orders.Status is null && Completions.IsFor(context.Request))
        {
            await _completions.AnswerAsync(context);
            return;
        }

        if (context.Request.Path == "/stream")
        {
            await StreamAsync(context);
            return;
        }

        // As most servers do: of an answer before the end of a large request, proxies and clients see a part at best.
        await context.Request.BodyReader.CopyToAsync(Stream.Null, context.RequestAborted);
        var calls = await _calls.CallAllAsync(_settings.Calls, context.RequestAborted);
        var fails = IsDrawn(_settings.ErrorRate);
        context.Response.StatusCode =
            orders.Status is >= 200 and <= 599 and not (204 or 205 or 304) ? orders.Status.Value
            : fails ? StatusCodes.Status500InternalServerError
            : calls.All(call => call.IsSuccess) ? StatusCodes.Status200OK
            : StatusCodes.Status502BadGateway;
        var answer = new JsonObject
        {
            ["pod"] = _pod,
            ["version"] = _version,
            ["method"] = context.Request.Method,
            ["path"] = context.Request.Path + context.Request.QueryString,
            ["caller"] = FindCaller(certificate),
        };
        if (orders.ShowsHeaders)
        {
            answer["headers"] = new JsonObject(
                context.Request.Headers.Select(header =>
                    KeyValuePair.Create(header.Key.ToLowerInvariant(), (JsonNode?)JsonValue.Create(header.Value.ToString()))
                )
            );
        }

        if (calls.Count > 0)
        {
            answer["calls"] = new JsonArray([
                .. calls.Select(call => new JsonObject
                {
                    ["url"] = call.Url,
                    ["status"] = call.Status,
                    ["version"] = call.Version,
                }),
            ]);
        }

        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(answer.ToJsonString() + "\n", context.RequestAborted);
    }

    /// <summary>Sends the request's messages back.</summary>
    private async Task AnswerGrpcAsync(HttpContext context, StandInOrders orders)
    {
        context.Response.ContentType = "application/grpc";
        var status = orders.Status ?? (IsDrawn(_settings.ErrorRate) ? GrpcInternal : 0);
        // The call is read before it is answered with an error, as most servers do.
        if (status == 0)
            await context.Request.BodyReader.CopyToAsync(context.Response.BodyWriter, context.RequestAborted);
        else
            await context.Request.BodyReader.CopyToAsync(Stream.Null, context.RequestAborted);
        context.Response.AppendTrailer("grpc-status", status.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Sends the messages of a WebSocket back.</summary>
    private static async Task SendMessagesBackAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[16 * 1024];
        try
        {
            while (await socket.ReceiveAsync(buffer, context.RequestAborted) is { MessageType: not WebSocketMessageType.Close } part)
                await socket.SendAsync(buffer.AsMemory(0, part.Count), part.MessageType, part.EndOfMessage, context.RequestAborted);
            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            // The client has gone.
        }
    }

    /// <summary>Server-sent events: <c>?tokens=20&amp;every=50</c>, the second in milliseconds.</summary>
    private async Task StreamAsync(HttpContext context)
    {
        var tokens = Number(context.Request.Query["tokens"], 20, 10_000);
        var pause = TimeSpan.FromMilliseconds(Number(context.Request.Query["every"], 50, 10_000));
        context.Response.ContentType = "text/event-stream";
        for (var token = 1; token <= tokens; token++)
        {
            await context.Response.WriteAsync($"data: {{\"token\": {token}, \"version\": \"{_version}\"}}\n\n", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.Delay(pause, TimeProvider.System, context.RequestAborted);
        }
    }

    private static int Number(string? text, int @default, int most) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? Math.Min(number, most) : @default;

    private static string? FindCaller(string certificate)
    {
        const string key = "URI=";
        var at = certificate.IndexOf(key, StringComparison.Ordinal);
        return at < 0 ? null : certificate[(at + key.Length)..].Split(';', ',')[0];
    }

    private static bool IsDrawn(double part)
    {
#pragma warning disable RS0030 // A stand-in for an application that fails now and then.
        return part > 0 && Random.Shared.NextDouble() < part;
#pragma warning restore RS0030
    }
}
