using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using MeshOperator.Api;
using MeshOperator.Local.Traffic;

namespace MeshOperator.Local.Application;

/// <summary>How a call of another service ended.</summary>
/// <param name="Url">What was called.</param>
/// <param name="Status">The HTTP status, or the error.</param>
/// <param name="Version">The version that answered; empty when none did.</param>
/// <param name="IsSuccess">Whether it was answered without an error.</param>
/// <param name="Duration">How long it took.</param>
internal sealed record CallResult(string Url, string Status, string Version, bool IsSuccess, TimeSpan Duration);

/// <summary>Calls services as the application of a pod does: through the pod's proxy as its HTTP proxy.</summary>
internal sealed class OutgoingCalls : IDisposable
{
    /// <summary>A gRPC message without content: not compressed, length 0.</summary>
    private static readonly byte[] EmptyMessage = [0, 0, 0, 0, 0];

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);
    private readonly string _namespace;
    private readonly TrafficLog? _traffic;
    private readonly HttpClient? _client;

    /// <summary>Calls from a pod.</summary>
    /// <param name="ns">The pod's namespace.</param>
    /// <param name="proxyAddress">The address of its proxy; null without one, and nothing is called.</param>
    /// <param name="traffic">Where calls are counted; null for nowhere.</param>
    public OutgoingCalls(string ns, string? proxyAddress, TrafficLog? traffic)
    {
        (_namespace, _traffic) = (ns, traffic);
        if (proxyAddress is null)
            return;
        var proxy = new IPEndPoint(IPAddress.Parse(proxyAddress), ProxyPort.Outbound);
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    await socket.ConnectAsync(proxy, cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
        _client = new HttpClient(handler) { Timeout = Limit };
    }

    /// <summary>Calls all, at the same time.</summary>
    public async Task<IReadOnlyList<CallResult>> CallAllAsync(IReadOnlyList<Uri> urls, CancellationToken cancellation) =>
        _client is null || urls.Count == 0 ? [] : await Task.WhenAll(urls.Select(url => CallAsync(url, HttpMethod.Get, [], cancellation)));

    /// <summary>Calls one.</summary>
    public async Task<CallResult> CallAsync(
        Uri url,
        HttpMethod method,
        IEnumerable<(string Name, string Value)> headers,
        CancellationToken cancellation
    )
    {
        var started = Stopwatch.GetTimestamp();
        var result = await SendAsync(url, method, headers, cancellation);
        var duration = Stopwatch.GetElapsedTime(started);
        _traffic?.Add(new RequestOutcome(FindName(url), result.Version, result.IsSuccess, duration, result.IsMutualTls));
        return new CallResult(url.ToString(), result.Status, result.Version, result.IsSuccess, duration);
    }

    /// <inheritdoc/>
    public void Dispose() => _client?.Dispose();

    /// <summary>The service in a URL, with its namespace.</summary>
    private string FindName(Uri url)
    {
        var parts = url.Host.Split('.');
        return parts.Length > 1 ? $"{parts[0]}.{parts[1]}" : $"{parts[0]}.{_namespace}";
    }

    private async Task<(string Status, string Version, bool IsSuccess, bool IsMutualTls)> SendAsync(
        Uri url,
        HttpMethod method,
        IEnumerable<(string Name, string Value)> headers,
        CancellationToken cancellation
    )
    {
        try
        {
            using var request = url.Scheme == "grpc" ? CreateGrpc(url) : new HttpRequestMessage(method, url);
            foreach (var (name, value) in headers)
                request.Headers.TryAddWithoutValidation(name, value);
            using var answer = await _client!.SendAsync(request, cancellation);
            var isSuccess = answer.IsSuccessStatusCode;
            var status = ((int)answer.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture);
            if (url.Scheme == "grpc")
            {
                var code = Read(answer.TrailingHeaders, "grpc-status") ?? Read(answer.Headers, "grpc-status") ?? "none";
                (isSuccess, status) = (isSuccess && code == "0", $"grpc-status {code}");
            }

            return (
                status,
                Read(answer.Headers, StandIn.VersionHeader) ?? string.Empty,
                isSuccess,
                Read(answer.Headers, StandIn.MutualTlsHeader) == "true"
            );
        }
        catch (Exception e)
            when (e is HttpRequestException or IOException || (e is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            return (e is OperationCanceledException ? "no answer" : e.Message, string.Empty, false, false);
        }
    }

    private static HttpRequestMessage CreateGrpc(Uri url)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, $"http://{url.Authority}/meshoperator.local.StandIn/Echo")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(EmptyMessage) { Headers = { ContentType = new MediaTypeHeaderValue("application/grpc") } },
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        return request;
    }

    private static string? Read(HttpHeaders headers, string name) =>
        headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;
}
