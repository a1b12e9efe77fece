using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using MeshOperator.Authority;
using MeshOperator.Replicas;
using MeshOperator.Settings;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace MeshOperator.Listeners;

/// <summary>The operator's ports.</summary>
internal static class OperatorPorts
{
    /// <summary>Listens on all ports that the options name.</summary>
    /// <param name="kestrel">The server.</param>
    /// <param name="options">Which ports.</param>
    /// <param name="serving">The operator's certificate.</param>
    /// <param name="tls">Of the port on which replicas answer each other.</param>
    public static void ListenOnPorts(this KestrelServerOptions kestrel, OperatorOptions options, ServingCertificate serving, ReplicaTls tls)
    {
        kestrel.AddServerHeader = false;
        // A proxy's stream is open for long and mostly silent; PINGs find out whether the other end is still there.
        kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(20);
        kestrel.Limits.MinRequestBodyDataRate = null;
        Listen(
            kestrel,
            options.LoopbackOnly,
            options.XdsTlsPort,
            o => Configure(o, ListenerKind.TlsXds, HttpProtocols.Http2, Server(serving))
        );
        if (options.XdsPlaintextPort is { } plaintext)
            kestrel.Listen(IPAddress.Loopback, plaintext, o => Configure(o, ListenerKind.PlaintextXds, HttpProtocols.Http2, null));
        Listen(
            kestrel,
            options.LoopbackOnly,
            options.WebhookPort,
            o => Configure(o, ListenerKind.Webhooks, HttpProtocols.Http1AndHttp2, Server(serving))
        );
        Listen(kestrel, options.LoopbackOnly, options.MetricsPort, o => Configure(o, ListenerKind.Metrics, HttpProtocols.Http1, null));
        if (options.ElectionIdentity is not null)
            Listen(
                kestrel,
                options.LoopbackOnly,
                options.ReplicaPort,
                o => Configure(o, ListenerKind.Replicas, HttpProtocols.Http2, tls.Server)
            );
    }

    private static Func<SslServerAuthenticationOptions> Server(ServingCertificate serving) =>
        () =>
            new SslServerAuthenticationOptions
            {
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                ServerCertificateContext = serving.Current,
            };

    /// <summary>Where each port listens, when the application has started.</summary>
    public static Dictionary<ListenerKind, IPEndPoint> FindPorts(this WebApplication app, OperatorOptions options)
    {
        // The server lists its addresses in the order in which they were configured.
        var addresses = app
            .Services.GetRequiredService<IServer>()
            .Features.Get<IServerAddressesFeature>()!
            .Addresses.Select(a => new Uri(a))
            .ToArray();
        var kinds = new List<ListenerKind> { ListenerKind.TlsXds };
        if (options.XdsPlaintextPort is not null)
            kinds.Add(ListenerKind.PlaintextXds);
        kinds.AddRange([ListenerKind.Webhooks, ListenerKind.Metrics]);
        if (options.ElectionIdentity is not null)
            kinds.Add(ListenerKind.Replicas);
        return kinds.Zip(addresses).ToDictionary(p => p.First, p => new IPEndPoint(IPAddress.Parse(p.Second.Host), p.Second.Port));
    }

    /// <summary>On loopback, or on every address of both families; of IPv4 only where the node has no IPv6.</summary>
    private static void Listen(KestrelServerOptions kestrel, bool isLoopbackOnly, int port, Action<ListenOptions> configure)
    {
        if (isLoopbackOnly)
            kestrel.Listen(IPAddress.Loopback, port, configure);
        else
            kestrel.ListenAnyIP(port, configure);
    }

    private static void Configure(
        ListenOptions listen,
        ListenerKind kind,
        HttpProtocols protocols,
        Func<SslServerAuthenticationOptions>? tls
    )
    {
        listen.Protocols = protocols;
        if (tls is not null)
            listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(tls()) });

        var role = new ListenerRole(kind);
        var isXds = kind is ListenerKind.TlsXds or ListenerKind.PlaintextXds;
        listen.Use(next =>
            connection =>
            {
                connection.Features.Set(role);
                if (kind is ListenerKind.TlsXds)
                    connection.Transport = new Duplex(connection.Transport.Input, new LargeRecords(connection.Transport.Output));
                if (isXds && connection.Features.Get<IConnectionHeartbeatFeature>() is { } beats)
                    connection.Features.Set<IConnectionHeartbeatFeature>(new SparseHeartbeat(beats));
                return next(connection);
            }
        );
    }

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
