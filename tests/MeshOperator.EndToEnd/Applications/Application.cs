using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using k8s.Models;
using MeshOperator.Composition;
using MeshOperator.EndToEnd.Node;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace MeshOperator.EndToEnd.Applications;

/// <summary>The one program of all pods: it serves every protocol on a port of its own, and does what a request's headers order
/// (<see cref="Behavior"/>). It runs in this process; only its sockets are in the pod.</summary>
internal sealed class Application : IAsyncDisposable
{
    /// <summary>Annotation: <c>pod</c> listens on the pod's address only, and <c>loopback</c> on loopback, in place of all
    /// addresses.</summary>
    public const string ListenAnnotation = "e2e.meshoperator.io/listen";

    private static readonly X509Certificate2 Certificate = MakeCertificate();
    private readonly WebApplication _app;

    private Application(WebApplication app, Identity identity) => (_app, Who) = (app, identity);

    /// <summary>Who answers.</summary>
    public Identity Who { get; }

    /// <summary>The certificate of the application's own TLS.</summary>
    public static X509Certificate2 OwnCertificate => Certificate;

    public static async Task<Application> StartAsync(V1Pod pod, PodNetwork network)
    {
        var labels = pod.Metadata.Labels ?? new Dictionary<string, string>();
        var version = labels.TryGetValue("version", out var label) ? label : string.Empty;
        var identity = new Identity(pod.Metadata.Name, pod.Metadata.NamespaceProperty, version);
        var listen = pod.Metadata.Annotations is { } annotations && annotations.TryGetValue(ListenAnnotation, out var where) ? where : null;
        var address = listen switch
        {
            "pod" => network.Address,
            "loopback" => IPAddress.Loopback,
            _ => network.OtherAddress is null ? IPAddress.Any : IPAddress.IPv6Any,
        };
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(identity);
        builder.Services.AddSingleton(new LoadReport(identity, TimeProvider.System));
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddRoutingCore();
        builder.Services.AddGrpc(grpc => (grpc.MaxReceiveMessageSize, grpc.MaxSendMessageSize) = (null, null));
        builder.Services.Configure<SocketTransportOptions>(transport =>
            transport.CreateBoundListenSocket = endpoint => network.Namespace.Bind((IPEndPoint)endpoint)
        );
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = Timeout.InfiniteTimeSpan);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => Listen(kestrel, address));
        var app = builder.Build();
        app.UseWebSockets();
        app.UseRouting();
#pragma warning disable ASP0014 // What follows is for all that is no gRPC, so the endpoints cannot come last.
        app.UseEndpoints(endpoints =>
        {
            endpoints.MapGrpcService<EchoService>();
            endpoints.MapGrpcService<ReportService>();
        });
#pragma warning restore ASP0014
        app.Run(new Behavior(identity, app.Services.GetRequiredService<LoadReport>()).HandleAsync);
        await app.StartAsync();
        return new Application(app, identity);
    }

    /// <summary>Ends as a well-behaved server does after SIGTERM: takes no new connections, and answers what is in flight within the
    /// time.</summary>
    public async Task StopAsync(TimeSpan within)
    {
        using var limit = new CancellationTokenSource(within);
        await _app.StopAsync(limit.Token);
    }

    /// <summary>Ends at once, as by SIGKILL.</summary>
    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    private static void Listen(KestrelServerOptions kestrel, IPAddress address)
    {
        kestrel.Limits.MaxRequestBodySize = null;
        kestrel.Limits.MaxRequestLineSize = 128 * 1024;
        kestrel.Limits.MaxRequestHeadersTotalSize = 256 * 1024;
        kestrel.Limits.MaxRequestBufferSize = 2 * 1024 * 1024;
        kestrel.Limits.MaxRequestHeaderCount = 500;
        kestrel.Limits.MinRequestBodyDataRate = null;
        kestrel.Limits.MinResponseDataRate = null;
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromHours(1);

        // It also ends a connection on which twice as many have been given up and are not cleared away yet.
        kestrel.Limits.Http2.MaxStreamsPerConnection = 100_000;
        kestrel.AllowSynchronousIO = false;
        kestrel.Listen(address, ApplicationPort.Http, listen => listen.Protocols = HttpProtocols.Http1);
        kestrel.Listen(address, ApplicationPort.Http2, listen => listen.Protocols = HttpProtocols.Http2);
        kestrel.Listen(
            address,
            ApplicationPort.Tls,
            listen =>
            {
                listen.Protocols = HttpProtocols.Http1AndHttp2;
                listen.UseHttps(Certificate);
            }
        );
        kestrel.Listen(address, ApplicationPort.Recorder, listen => ((IConnectionBuilder)listen).Run(Recorder.ServeAsync));
        var turn = new SemaphoreSlim(1);
        kestrel.Listen(
            address,
            ApplicationPort.SingleThreaded,
            listen =>
                ((IConnectionBuilder)listen).Run(async connection =>
                {
                    await turn.WaitAsync(connection.ConnectionClosed);
                    await Recorder.ServeAsync(connection);
                    turn.Release();
                })
        );
        kestrel.Listen(address, ApplicationPort.Frames, listen => ((IConnectionBuilder)listen).Run(Frames.ServeAsync));
        foreach (var port in new[] { ApplicationPort.Echo, ApplicationPort.SpeaksFirst })
        {
            kestrel.Listen(
                address,
                port,
                listen =>
                    ((IConnectionBuilder)listen).Run(connection =>
                        Bytes.EchoAsync(connection, kestrel.ApplicationServices, speaksFirst: port == ApplicationPort.SpeaksFirst)
                    )
            );
        }
    }

    private static X509Certificate2 MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=application of the tests", key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        using var made = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }
}

/// <summary>Who answers.</summary>
/// <param name="Pod">The pod's name.</param>
/// <param name="Namespace">Its namespace.</param>
/// <param name="Version">Its label <c>version</c>; may be empty.</param>
internal sealed record Identity(string Pod, string Namespace, string Version);

/// <summary>Where the application of every pod listens.</summary>
internal static class ApplicationPort
{
    /// <summary>HTTP/1.1 and HTTP/1.0, WebSocket, server-sent events.</summary>
    public const int Http = 8080;

    /// <summary>HTTP/2 without TLS, gRPC.</summary>
    public const int Http2 = 8081;

    /// <summary>HTTP/1.1 by bytes, see <see cref="Applications.Recorder"/>.</summary>
    public const int Recorder = 8082;

    /// <summary>HTTP/2 by frames, see <see cref="Applications.Frames"/>.</summary>
    public const int Frames = 8083;

    /// <summary>As <see cref="Recorder"/>, one connection after the other.</summary>
    public const int SingleThreaded = 8084;

    /// <summary>The application's own TLS, with HTTP/1.1 and HTTP/2 inside.</summary>
    public const int Tls = 8443;

    /// <summary>TCP: sends back what it gets.</summary>
    public const int Echo = 9000;

    /// <summary>TCP: says who it is as soon as somebody connects, then sends back what it gets.</summary>
    public const int SpeaksFirst = 9001;
}
