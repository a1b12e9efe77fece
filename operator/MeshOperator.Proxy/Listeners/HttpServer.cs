using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace MeshOperator.Proxy.Listeners;

/// <summary>Kestrel, without sockets of its own: speaks HTTP on connections that listeners have accepted.</summary>
internal sealed class HttpServer : IHttpApplication<HttpContext>, IAsyncDisposable
{
    private const int HeaderBytes = 96 * 1024;
    private const int HeaderCount = 500;
    private const int LineBytes = 64 * 1024;
    private const int Http2Streams = 1024;
    private const int Http2Window = 1024 * 1024;
    private static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(60);

    private readonly QueueEndPoint _http1 = new("http1");
    private readonly QueueEndPoint _http2 = new("http2");
    private readonly ServiceProvider _services;
    private readonly KestrelServer _server;
    private readonly ILogger _logger;

    /// <summary>Makes it.</summary>
    public HttpServer(ILoggerFactory loggers)
    {
        _logger = loggers.CreateLogger<HttpServer>();
        _services = new ServiceCollection().AddLogging().BuildServiceProvider();
        var options = new KestrelServerOptions { ApplicationServices = _services };
        Configure(options);
        options.Listen(_http1, listen => Use(listen, HttpProtocols.Http1));
        options.Listen(_http2, listen => Use(listen, HttpProtocols.Http2));
        _server = new KestrelServer(Options.Create(options), new QueueTransportFactory(), loggers);
    }

    /// <summary>Starts it.</summary>
    public Task StartAsync(CancellationToken cancellationToken) => _server.StartAsync(this, cancellationToken);

    /// <summary>Speaks HTTP on a connection until it ends.</summary>
    public async Task ServeAsync(ProxiedConnection connection, bool isHttp2)
    {
        connection.Transport.Features.Set(connection);
        if ((isHttp2 ? _http2 : _http1).TryAdd(connection.Transport))
            await connection.Completed;
    }

    /// <summary>Takes no more connections, lets requests in flight finish until <paramref name="cancellationToken"/>, and ends.</summary>
    public Task StopAsync(CancellationToken cancellationToken) => _server.StopAsync(cancellationToken);

    /// <inheritdoc/>
    public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    /// <inheritdoc/>
    public async Task ProcessRequestAsync(HttpContext context)
    {
        var connection = context.Features.GetRequiredFeature<ProxiedConnection>();
        try
        {
            await connection.Chain.Handler!.HandleAsync(context, connection);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone.
        }
        catch (Exception exception) when (exception is not Microsoft.AspNetCore.Http.BadHttpRequestException)
        {
            _logger.RequestFailed(exception, connection.Chain.Name);
            throw;
        }
    }

    /// <inheritdoc/>
    public void DisposeContext(HttpContext context, Exception? exception) { }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _server.Dispose();
        await _services.DisposeAsync();
    }

    /// <summary>An application sees what it would see without the proxy, so what Kestrel bounds by itself is not bounded.</summary>
    private static void Configure(KestrelServerOptions options)
    {
        options.AddServerHeader = false;
        options.AllowAlternateSchemes = true;
        options.AllowHostHeaderOverride = true;
        options.RequestHeaderEncodingSelector = static _ => System.Text.Encoding.Latin1;
        options.ResponseHeaderEncodingSelector = static _ => System.Text.Encoding.Latin1;
        options.Limits.KeepAliveTimeout = TimeSpan.FromHours(1);
        options.Limits.MaxRequestBodySize = null;
        options.Limits.MinRequestBodyDataRate = null;
        options.Limits.MinResponseDataRate = null;
        options.Limits.MaxRequestHeaderCount = HeaderCount;
        options.Limits.MaxRequestHeadersTotalSize = HeaderBytes;
        options.Limits.MaxRequestLineSize = LineBytes;
        options.Limits.RequestHeadersTimeout = HeadersTimeout;
        options.Limits.Http2.MaxStreamsPerConnection = Http2Streams;
        options.Limits.Http2.InitialConnectionWindowSize = Http2Window;
        options.Limits.Http2.InitialStreamWindowSize = Http2Window;
    }

    private static void Use(ListenOptions listen, HttpProtocols protocols)
    {
        listen.Protocols = protocols;
        listen.DisableAltSvcHeader = true;
        listen.Use(next =>
            async connection =>
            {
                try
                {
                    await next(connection);
                }
                finally
                {
                    connection.Features.Get<ProxiedConnection>()?.Complete();
                }
            }
        );
    }
}
