using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using Grpc.Net.Client;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Node;

namespace MeshOperator.EndToEnd.Clients;

/// <summary>Calls from inside of a pod, as its application makes them: names are the cluster's, and connections are the pod's.</summary>
internal sealed class Client(RunningPod pod, ServiceDirectory names) : IDisposable
{
    private readonly Lazy<HttpClient> _http = new(() => Create(pod, names, onConnect: null));

    /// <summary>The pod whose client it is.</summary>
    public RunningPod Pod => pod;

    /// <summary>A request that arrived, or failed: over HTTP/1.1 unless a version is given, on pooled connections.</summary>
    /// <param name="url">For example <c>http://web/path</c>.</param>
    /// <param name="headers">Headers in pairs, <c>name: value</c>.</param>
    public Task<Reply> GetAsync(string url, params string[] headers) => SendAsync(HttpMethod.Get, url, headers);

    public async Task<Reply> SendAsync(HttpMethod method, string url, string[] headers, HttpContent? body = null, Version? version = null)
    {
        using var request = Request(method, url, headers, body, version);
        var clock = Stopwatch.StartNew();
        using var response = await _http.Value.SendAsync(request);
        return await Reply.ReadAsync(response, clock);
    }

    /// <summary>Sends a request and returns as soon as the headers of the answer are there; the caller disposes of it.</summary>
    public async Task<HttpResponseMessage> OpenAsync(string url, params string[] headers)
    {
        using var request = Request(HttpMethod.Get, url, headers, null, null);
        return await _http.Value.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    /// <summary>Repeats a request one after the other, <paramref name="count"/> times.</summary>
    public async Task<List<Reply>> RepeatAsync(int count, string url, params string[] headers)
    {
        var replies = new List<Reply>();
        for (var i = 0; i < count; i++)
            replies.Add(await GetAsync(url, headers));
        return replies;
    }

    /// <summary>Bytes: a connection to a service or an address.</summary>
    public async Task<RawConnection> ConnectAsync(string host, int port)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var socket = await pod.Network.Namespace.ConnectAsync(new IPEndPoint(names.Resolve(host, pod.Namespace), port), limit.Token);
        return new RawConnection(socket);
    }

    /// <summary>A gRPC channel over HTTP/2 without TLS; the caller disposes of it.</summary>
    public GrpcChannel Grpc(string url) =>
        GrpcChannel.ForAddress(
            url,
            new GrpcChannelOptions
            {
                HttpClient = Create(pod, names, onConnect: null),
                DisposeHttpClient = true,
                MaxReceiveMessageSize = null,
                MaxSendMessageSize = null,
            }
        );

    /// <summary>A WebSocket to the application of a service.</summary>
    public async Task<ClientWebSocket> WebSocketAsync(string url, params string[] headers)
    {
        var socket = new ClientWebSocket();
        foreach (var (name, value) in headers.Select(Split))
            socket.Options.SetRequestHeader(name, value);
        using var invoker = new HttpMessageInvoker(Handler(pod, names, onConnect: null));
        await socket.ConnectAsync(new Uri(url), invoker, CancellationToken.None);
        return socket;
    }

    /// <summary>A load that goes on while <paramref name="during"/> runs; see <see cref="Load"/>.</summary>
    /// <param name="url">For example <c>http://web/</c>.</param>
    /// <param name="rate">Requests a second, whatever becomes of those before (open loop).</param>
    /// <param name="during">What happens meanwhile; the load ends with it.</param>
    /// <param name="headers">Headers in pairs, <c>name: value</c>.</param>
    public async Task<LoadResult> LoadAsync(string url, double rate, Func<Load, Task> during, params string[] headers)
    {
        var load = Load.Open(this, url, rate, headers);
        try
        {
            await load.ReachesAsync(Math.Max(1, (int)(rate / 4)));
            await during(load);
        }
        catch (Exception e)
        {
            var sofar = await load.EndAsync();
            throw new InvalidOperationException($"{e.Message}; the load: {sofar}", e);
        }

        return await load.EndAsync();
    }

    /// <summary>Callers that each send a request after the other, each on connections of its own (closed loop).</summary>
    public Task<LoadResult> CallAsync(string url, int callers, int requests, params string[] headers) =>
        Load.ClosedAsync(this, HttpMethod.Get, url, callers, requests, headers);

    /// <summary>As <see cref="CallAsync"/> with another method.</summary>
    public Task<LoadResult> CallAsync(HttpMethod method, string url, int callers, int requests, params string[] headers) =>
        Load.ClosedAsync(this, method, url, callers, requests, headers);

    public void Dispose()
    {
        if (_http.IsValueCreated)
            _http.Value.Dispose();
    }

    internal HttpClient CreateHttp(Action? onConnect) => Create(pod, names, onConnect);

    internal static HttpRequestMessage Request(HttpMethod method, string url, string[] headers, HttpContent? body, Version? version)
    {
        var request = new HttpRequestMessage(method, url)
        {
            Content = body,
            Version = version ?? HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        foreach (var (name, value) in headers.Select(Split))
            request.Headers.TryAddWithoutValidation(name, value);
        return request;
    }

    private static (string Name, string Value) Split(string header)
    {
        var colon = header.IndexOf(':', StringComparison.Ordinal);
        return (header[..colon].Trim(), header[(colon + 1)..].Trim());
    }

    private static HttpClient Create(RunningPod pod, ServiceDirectory names, Action? onConnect) =>
        new(Handler(pod, names, onConnect)) { Timeout = TimeSpan.FromMinutes(8) };

    private static SocketsHttpHandler Handler(RunningPod pod, ServiceDirectory names, Action? onConnect) =>
        new()
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            EnableMultipleHttp2Connections = false,
            Expect100ContinueTimeout = TimeSpan.FromSeconds(5),
            ActivityHeadersPropagator = null,
            SslOptions =
            {
                RemoteCertificateValidationCallback = (_, certificate, _, _) =>
                    certificate?.GetRawCertData().AsSpan().SequenceEqual(Application.OwnCertificate.RawData) == true,
            },
            ConnectCallback = async (context, cancellation) =>
            {
                onConnect?.Invoke();
                var to = new IPEndPoint(names.Resolve(context.DnsEndPoint.Host, pod.Namespace), context.DnsEndPoint.Port);
                return new NetworkStream(await pod.Network.Namespace.ConnectAsync(to, cancellation), ownsSocket: true);
            },
        };
}
