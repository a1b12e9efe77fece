using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using MeshOperator.Api;
using MeshOperator.Local.Node;

namespace MeshOperator.LocalMeshTests.ProxyScenarios;

/// <summary>An answer.</summary>
/// <param name="Status">Its status; 0 when there was none.</param>
/// <param name="Headers">Its headers and trailers in lower case.</param>
/// <param name="Body">Its body; the error when there was no answer.</param>
/// <param name="Elapsed">From the request to the end of the body.</param>
internal sealed record Reply(int Status, IReadOnlyDictionary<string, string> Headers, string Body, TimeSpan Elapsed)
{
    /// <summary>The version of the application that answered; empty if a proxy did.</summary>
    public string Version => Headers.GetValueOrDefault("x-version", string.Empty);

    /// <summary>The pod whose application answered; empty if a proxy did.</summary>
    public string Pod => Headers.GetValueOrDefault("x-pod", string.Empty);

    /// <summary>The identity of the caller that the application saw; null without mutual TLS.</summary>
    public string? Caller => (string?)Json["caller"];

    private JsonNode Json => Body.StartsWith('{') ? JsonNode.Parse(Body)! : new JsonObject();

    /// <summary>A header of the request as it arrived at the application; null if it did not.</summary>
    public string? Arrived(string header) => (string?)Json["headers"]?[header];

    public override string ToString() => $"{Status} {Pod} {Body}";
}

/// <summary>Calls as the application of a pod does, through its proxy as HTTP proxy, or as somebody outside of the mesh.</summary>
internal sealed class PodClient : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly HttpClient _http;
    private readonly LocalPod _pod;

    private PodClient(LocalPod pod, SocketsHttpHandler handler, string? baseAddress)
    {
        _pod = pod;
        _http = new HttpClient(handler) { Timeout = Limit };
        if (baseAddress is not null)
            _http.BaseAddress = new Uri(baseAddress);
    }

    /// <summary>Calls through the proxy of a pod. Each client has connections of its own.</summary>
    public static PodClient For(LocalPod pod) =>
        new(
            pod,
            new SocketsHttpHandler
            {
                UseCookies = false,
                AllowAutoRedirect = false,
                ActivityHeadersPropagator = null,
                Proxy = new WebProxy($"http://{pod.Address}:{ProxyPort.Outbound}"),
            },
            null
        );

    /// <summary>Calls a port of a pod directly and in plaintext: from outside, or a local port of the pod.</summary>
    public static PodClient Outside(LocalPod pod, int port = 8080) =>
        new(pod, new SocketsHttpHandler { UseCookies = false, UseProxy = false }, $"http://{pod.Address}:{port}");

    /// <summary>Sends a GET.</summary>
    /// <param name="url">For example <c>http://web/path</c>.</param>
    /// <param name="headers">Headers, <c>name: value</c>.</param>
    public Task<Reply> GetAsync(string url, params string[] headers) => SendAsync(HttpMethod.Get, url, headers);

    public async Task<Reply> SendAsync(HttpMethod method, string url, string[] headers, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(method, url) { Content = content };
        return await SendAsync(request, headers);
    }

    /// <summary>Calls a gRPC method that sends its message back.</summary>
    public async Task<Reply> CallGrpcAsync(params string[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/meshoperator.local.StandIn/Echo")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(new byte[5]) { Headers = { ContentType = new("application/grpc") } },
        };
        return await SendAsync(request, headers);
    }

    /// <summary>Repeats a GET one after the other.</summary>
    public async Task<IReadOnlyList<Reply>> RepeatAsync(int count, string url, params string[] headers)
    {
        var replies = new List<Reply>();
        for (var i = 0; i < count; i++)
            replies.Add(await GetAsync(url, headers));
        return replies;
    }

    /// <summary>Several callers that each send a GET after the other.</summary>
    public async Task<IReadOnlyList<Reply>> CallAsync(string url, int callers, int requests, params string[] headers)
    {
        var left = requests;
        var replies = await Task.WhenAll(
            Enumerable
                .Range(0, callers)
                .Select(async _ =>
                {
                    var own = new List<Reply>();
                    while (Interlocked.Decrement(ref left) >= 0)
                        own.Add(await TryAsync(url, headers));
                    return own;
                })
        );
        return [.. replies.SelectMany(own => own)];
    }

    /// <summary>Three callers that send GETs while something happens; the load has begun before, and ends after it.</summary>
    public async Task<IReadOnlyList<Reply>> LoadAsync(string url, Func<Task> during, params string[] headers)
    {
        var (sent, ends) = (0, false);
        var callers = Enumerable
            .Range(0, 3)
            .Select(async _ =>
            {
                var own = new List<Reply>();
                while (!Volatile.Read(ref ends))
                {
                    own.Add(await TryAsync(url, headers));
                    Interlocked.Increment(ref sent);
                }

                return own;
            })
            .ToArray();
        try
        {
            await ReachesAsync(20);
            await during();
            await ReachesAsync(Volatile.Read(ref sent) + 20);
        }
        finally
        {
            Volatile.Write(ref ends, true);
        }

        return [.. (await Task.WhenAll(callers)).SelectMany(own => own)];

        Task ReachesAsync(int number) =>
            Testing.Eventually.Succeeds(() => Shouldly.ShouldBeTestExtensions.ShouldBeGreaterThan(Volatile.Read(ref sent), number));
    }

    /// <summary>Sends text over a WebSocket and returns what comes back.</summary>
    public async Task<string> SayAsync(string url, string text)
    {
        using var socket = new ClientWebSocket();
        using var limit = new CancellationTokenSource(Limit);
        using var invoker = new HttpMessageInvoker(
            new SocketsHttpHandler
            {
                UseProxy = false,
                ConnectCallback = async (_, cancellation) =>
                    new NetworkStream(await ConnectAsync(ProxyPort.Outbound, cancellation), ownsSocket: true),
            }
        );
        await socket.ConnectAsync(new Uri(url), invoker, limit.Token);
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, limit.Token);
        var buffer = new byte[1024];
        var received = await socket.ReceiveAsync(buffer, limit.Token);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token);
        return Encoding.UTF8.GetString(buffer, 0, received.Count);
    }

    /// <summary>Sends bytes to a port of the pod and returns what comes back until it has as many, or the connection ends.</summary>
    public async Task<string> SendBytesAsync(int port, string text)
    {
        using var limit = new CancellationTokenSource(Limit);
        using var socket = await ConnectAsync(port, limit.Token);
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), limit.Token);
        var (buffer, count) = (new byte[text.Length], 0);
        try
        {
            while (count < buffer.Length && await socket.ReceiveAsync(buffer.AsMemory(count), limit.Token) is > 0 and var read)
                count += read;
        }
        catch (SocketException)
        {
            // It was reset.
        }

        return Encoding.UTF8.GetString(buffer, 0, count);
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<Socket> ConnectAsync(int port, CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Parse(_pod.Address), port, cancellation);
        return socket;
    }

    private async Task<Reply> TryAsync(string url, string[] headers)
    {
        try
        {
            return await GetAsync(url, headers);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            return new Reply(0, new Dictionary<string, string>(), e.ToString(), TimeSpan.Zero);
        }
    }

    private async Task<Reply> SendAsync(HttpRequestMessage request, string[] headers)
    {
        foreach (var header in headers)
        {
            var parts = header.Split(": ", 2);
            request.Headers.TryAddWithoutValidation(parts[0], parts[1]);
        }

        var clock = Stopwatch.StartNew();
        using var response = await _http.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        var all = response.Headers.Concat(response.Content.Headers).Concat(response.TrailingHeaders);
        return new Reply(
            (int)response.StatusCode,
            all.GroupBy(header => header.Key.ToLower(CultureInfo.InvariantCulture), header => string.Join(',', header.Value))
                .ToDictionary(group => group.Key, group => string.Join(',', group), StringComparer.Ordinal),
            body,
            clock.Elapsed
        );
    }
}
