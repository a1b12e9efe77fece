using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using MeshOperator.Proxy.Tls;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Proxy.Listeners;

/// <summary>Finds out what a new connection is, ends TLS, and hands it over: to the HTTP server, or to what passes bytes on.</summary>
internal sealed class ConnectionAcceptor(HttpServer server, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan GoodbyeTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Serves a connection until it ends.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="plan">Of its listener.</param>
    /// <param name="accepted">Called when it is known what is done with it; what that gives is disposed of at its end.</param>
    public async Task ServeAsync(ConnectionContext connection, ListenerPlan plan, Func<ProxiedConnection, IDisposable> accepted)
    {
        SslStream? secure = null;
        var isHanded = false;
        try
        {
            var port = ((IPEndPoint)connection.LocalEndPoint!).Port;
            if (await LookAsync(connection, plan, port) is not { } first || plan.Find(port, first) is not { } chain)
                return;
            var proxied = new ProxiedConnection(connection, chain);
            if (chain.Tls is { } tls)
            {
                secure = new SslStream(new DuplexStream(connection.Transport));
                proxied = await HandshakeAsync(secure, tls, proxied);
            }

            using var registration = accepted(proxied);
            if (chain.Bytes is { } bytes)
            {
                await bytes.RunAsync(proxied);
                return;
            }

            var isHttp2 = await FirstBytes.IsHttp2Async(connection.Transport.Input, connection.ConnectionClosed);
            isHanded = true;
            await server.ServeAsync(proxied, isHttp2);
        }
        catch (Exception exception)
            when (exception is IOException or AuthenticationException or OperationCanceledException or ConnectionAbortedException)
        {
            logger.ConnectionEnded(plan.Name, exception.Message);
        }
        finally
        {
            if (secure is not null)
                await DisposeAsync(secure);

            // The HTTP server disposes of what it was handed.
            if (!isHanded)
                await connection.DisposeAsync();
        }
    }

    /// <summary>Null when the client has gone, or said too little.</summary>
    private async Task<FirstBytes?> LookAsync(ConnectionContext connection, ListenerPlan plan, int port)
    {
        var (tls, http) = (plan.LooksForTls(port), plan.LooksForHttp(port));
        if (!tls && !http)
            return FirstBytes.None;
        using var timeout = new CancellationTokenSource(plan.Timeout > TimeSpan.Zero ? plan.Timeout : Timeout.InfiniteTimeSpan, time);
        try
        {
            return await FirstBytes.LookAsync(connection.Transport.Input, tls, http, timeout.Token);
        }
        catch (OperationCanceledException)
        {
            return plan.GoesOnAfterTimeout ? FirstBytes.None : null;
        }
    }

    private async Task<ProxiedConnection> HandshakeAsync(SslStream secure, TlsSettings tls, ProxiedConnection connection)
    {
        using var timeout = new CancellationTokenSource(HandshakeTimeout, time);
        var self = tls.Self;
        await secure.AuthenticateAsServerAsync(tls.Server(), timeout.Token);
        connection.Transport.Transport = new StreamPipes(secure);
        var certificate = secure.RemoteCertificate as X509Certificate2;
        return connection with
        {
            Certificate = certificate,
            Caller = certificate is null ? null : PeerTrust.ReadUri(certificate),
            Self = self?.Uri,
        };
    }

    private async Task DisposeAsync(SslStream secure)
    {
        try
        {
            // After a handshake that failed there is nobody to say goodbye to.
            if (secure.IsAuthenticated)
                await secure.ShutdownAsync().WaitAsync(GoodbyeTimeout, time);
        }
        catch (Exception exception)
            when (exception is IOException or InvalidOperationException or OperationCanceledException or TimeoutException)
        {
            // The client has gone.
        }

#pragma warning disable CA1849 // Waits for a client that may not read.
        secure.Dispose();
#pragma warning restore CA1849
    }
}
