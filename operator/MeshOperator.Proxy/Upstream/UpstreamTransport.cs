using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using MeshOperator.Proxy.Tls;
using Microsoft.Extensions.Logging;
using Protocols = Envoy.Extensions.Upstreams.Http.V3.HttpProtocolOptions;

namespace MeshOperator.Proxy.Upstream;

/// <summary>A connection to an endpoint did not come about.</summary>
internal sealed class UpstreamConnectException(string reason, Exception? inner = null) : IOException(reason, inner)
{
    /// <summary>Why, as Envoy says it.</summary>
    public string Reason => Message;
}

/// <summary>Connects to endpoints of a cluster in one way: with mutual TLS or in plaintext. Keeps connections for requests.</summary>
internal sealed class UpstreamTransport : IDisposable
{
    private readonly TlsSettings? _tls;
    private readonly UpstreamConnector _connector;
    private readonly Lazy<HttpMessageInvoker> _invoker;

    /// <summary>Makes it.</summary>
    public UpstreamTransport(TlsSettings? tls, UpstreamConnector connector, Protocols? protocols)
    {
        _tls = tls;
        _connector = connector;
        _invoker = new Lazy<HttpMessageInvoker>(() => new HttpMessageInvoker(new EarlyAnswers(Handler(protocols))));
    }

    /// <summary>Sends requests.</summary>
    public HttpMessageInvoker Invoker => _invoker.Value;

    /// <summary>Opens a connection.</summary>
    /// <param name="address">An IP address or a name.</param>
    /// <param name="port">The port.</param>
    /// <param name="protocols">The ALPN protocols; null for those of the transport socket.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="UpstreamConnectException">It did not come about.</exception>
    public Task<Stream> ConnectAsync(
        string address,
        int port,
        List<SslApplicationProtocol>? protocols,
        CancellationToken cancellationToken
    ) => _connector.ConnectAsync(address, port, _tls, protocols, cancellationToken);

    /// <summary>Ends kept connections.</summary>
    public void Dispose()
    {
        if (_invoker.IsValueCreated)
            _invoker.Value.Dispose();
    }

    private SocketsHttpHandler Handler(Protocols? protocols)
    {
        var handler = new SocketsHttpHandler
        {
            ActivityHeadersPropagator = null,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectCallback = async (context, cancellationToken) =>
                await ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, null, cancellationToken),
            ConnectTimeout = Timeout.InfiniteTimeSpan,
            EnableMultipleHttp2Connections = true,
            MaxResponseHeadersLength = 96,
            PooledConnectionLifetime = Timeout.InfiniteTimeSpan,
            RequestHeaderEncodingSelector = static (_, _) => System.Text.Encoding.Latin1,
            ResponseHeaderEncodingSelector = static (_, _) => System.Text.Encoding.Latin1,
            UseCookies = false,
            UseProxy = false,
        };
        if (protocols?.CommonHttpProtocolOptions?.IdleTimeout?.ToTimeSpan() is { } idle && idle > TimeSpan.Zero)
            handler.PooledConnectionIdleTimeout = idle;
        var http2 = protocols?.ExplicitHttpConfig?.Http2ProtocolOptions ?? protocols?.UseDownstreamProtocolConfig?.Http2ProtocolOptions;
        if (http2?.ConnectionKeepalive is { Interval: { } interval } keepalive)
        {
            handler.KeepAlivePingDelay = interval.ToTimeSpan();
            handler.KeepAlivePingTimeout = keepalive.Timeout?.ToTimeSpan() ?? TimeSpan.FromSeconds(20);
        }

        return handler;
    }
}

/// <summary>Opens connections.</summary>
/// <param name="Timeout">How long that may take.</param>
/// <param name="Sources">The addresses that connections come from; of each family the first is used.</param>
/// <param name="Time">The clock.</param>
/// <param name="Opened">Called for each connection, and for each failure with false.</param>
internal sealed record UpstreamConnector(TimeSpan Timeout, IReadOnlyList<IPEndPoint> Sources, TimeProvider Time, Action<bool> Opened)
{
    /// <summary>Opens a connection.</summary>
    public async Task<Stream> ConnectAsync(
        string address,
        int port,
        TlsSettings? tls,
        List<SslApplicationProtocol>? protocols,
        CancellationToken cancellationToken
    )
    {
        using var timeout = new CancellationTokenSource(Timeout, Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        Stream? stream = null;
        try
        {
            stream = new NetworkStream(await SocketAsync(address, port, either.Token), ownsSocket: true);
            if (tls is not null)
            {
                var secure = new SslStream(stream);
                stream = secure;
                await secure.AuthenticateAsClientAsync(tls.Client(protocols), either.Token);
            }

            Opened(true);
            return stream;
        }
        catch (Exception exception)
            when (exception is SocketException or IOException or AuthenticationException or OperationCanceledException)
        {
            if (stream is not null)
                await stream.DisposeAsync();
            cancellationToken.ThrowIfCancellationRequested();
            Opened(false);
            var reason = timeout.IsCancellationRequested ? "connection timeout" : $"delayed connect error: {exception.Message}";
            throw new UpstreamConnectException(
                exception is AuthenticationException ? $"TLS_error: {exception.Message}" : reason,
                exception
            );
        }
    }

    private async Task<Socket> SocketAsync(string address, int port, CancellationToken cancellationToken)
    {
        if (!IPAddress.TryParse(address, out var ip))
            ip =
                (await Dns.GetHostAddressesAsync(address, cancellationToken)).FirstOrDefault()
                ?? throw new IOException($"{address} has no address");
        var socket = new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (Sources.FirstOrDefault(source => source.AddressFamily == ip.AddressFamily) is { } source)
                socket.Bind(source);
            await socket.ConnectAsync(new IPEndPoint(ip, port), cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
