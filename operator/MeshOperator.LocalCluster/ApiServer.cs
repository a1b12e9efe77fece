using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using MeshOperator.LocalCluster.Admission;
using MeshOperator.LocalCluster.Authentication;
using MeshOperator.LocalCluster.Authorization;
using MeshOperator.LocalCluster.Builtin;
using MeshOperator.LocalCluster.Certificates;
using MeshOperator.LocalCluster.Controllers;
using MeshOperator.LocalCluster.CustomResources;
using MeshOperator.LocalCluster.Discovery;
using MeshOperator.LocalCluster.Faults;
using MeshOperator.LocalCluster.Http;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Store;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace MeshOperator.LocalCluster;

/// <summary>
/// A Kubernetes API server inside this process: objects in memory, on loopback, over TLS. Real clients such as kubectl,
/// Helm and KubernetesClient talk to it. The kubeconfig's user may do everything, service accounts what roles allow them.
/// </summary>
public sealed class ApiServer : IAsyncDisposable
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(2);
    private readonly WebApplication _host;
    private readonly IReadOnlyList<IDisposable> _owned;
    private readonly ControllerSet _controllers;
    private readonly CancellationTokenSource _stopping;
    private readonly string _adminToken;
    private int _disposed;

    private ApiServer(
        WebApplication host,
        IReadOnlyList<IDisposable> owned,
        string authorityPem,
        ControllerSet controllers,
        FaultInjector faults,
        CancellationTokenSource stopping,
        string adminToken
    )
    {
        _host = host;
        Faults = faults;
        _owned = owned;
        CaCertificate = authorityPem;
        _controllers = controllers;
        _stopping = stopping;
        _adminToken = adminToken;
        var bound = new Uri(host.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        Address = new Uri($"https://127.0.0.1:{bound.Port}");
    }

    /// <summary>Where the server listens: https on 127.0.0.1.</summary>
    public Uri Address { get; }

    /// <summary>The certificate authority of the server's certificate, in PEM.</summary>
    public string CaCertificate { get; }

    /// <summary>What a test orders to go wrong; nothing by default.</summary>
    public FaultInjector Faults { get; }

    /// <summary>An administrator's kubeconfig, YAML, complete in itself; its context is `meshop-local`.</summary>
    public string Kubeconfig =>
        $"""
            apiVersion: v1
            kind: Config
            current-context: meshop-local
            clusters:
            - name: meshop-local
              cluster:
                server: {Address.GetLeftPart(UriPartial.Authority)}
                certificate-authority-data: {Convert.ToBase64String(Encoding.ASCII.GetBytes(CaCertificate))}
            users:
            - name: meshop-local
              user:
                token: {_adminToken}
            contexts:
            - name: meshop-local
              context:
                cluster: meshop-local
                user: meshop-local
                namespace: default

            """;

    /// <summary>Starts a server; it is ready when this returns.</summary>
    /// <param name="options">How it is to be.</param>
    /// <param name="cancellationToken">Ends the start, not the server.</param>
    /// <exception cref="ArgumentException">An option is wrong.</exception>
    /// <exception cref="IOException">The port is taken.</exception>
    public static async Task<ApiServer> StartAsync(LocalClusterOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var loggers = options.LoggerFactory ?? NullLoggerFactory.Instance;
        var logger = loggers.CreateLogger("MeshOperator.LocalCluster");
        var time = options.TimeProvider;
        var stopping = new CancellationTokenSource();
        var faults = new FaultInjector();
        var certificates = ServingCertificates.Create(TimeProvider.System.GetUtcNow());
        var kinds = new KindRegistry(BuiltinKinds.Table());
        var store = new ObjectStore(options.WatchHistory);
        var tokens = new ServiceAccountTokens(store, kinds, time);
        var adminToken = RandomNumberGenerator.GetHexString(48, lowercase: true);
        var authentication = new BearerAuthentication(adminToken, tokens);
        var addresses = new ClusterAddresses(IPNetwork.Parse(options.ServiceCidr));
        var webhooks = new WebhookClient(store, kinds, options.WebhookServiceAddress, time);
        var admission = new WebhookAdmission(store, kinds, webhooks, faults, logger);
        var writer = new ObjectWriter(store, kinds, admission, addresses, time)
        {
            GracefulPods = options.WorkloadControllers || options.ExternalKubelet,
        };
        store.Changed += new ServedDefinitions(kinds, logger).OnChanged;
        store.Changed += new UnevaluatedConditions(logger).OnChanged;
        store.Changed += (kind, change) =>
        {
            if (change.Type == WatchEventType.Deleted && kind is { Group: "", Plural: "services" })
                addresses.Release(change.Object);
        };
        var cluster = new Cluster(store, kinds, writer, new EventRecorder(writer, kinds, time), new OwnedPods(), time, logger);
        store.Changed += cluster.OwnedPods.OnChanged;
        var controllers = new ControllerSet(
            cluster,
            certificates.AuthorityPem,
            options.WorkloadControllers,
            options.WorkloadControllers && !options.ExternalKubelet
        );
        var authorizer = new Authorizer(store, kinds, options.Authorization);
        var dispatch = new RequestDispatch(
            kinds,
            authentication,
            authorizer,
            new DiscoveryDocuments(kinds),
            new OpenApiDocuments(kinds),
            new ReadHandler(store, time),
            new WatchHandler(store, faults, time, stopping.Token),
            new WriteHandler(store, writer, time),
            new ScaleHandler(store, writer),
            new ReviewHandler(store, kinds, authentication, new AccessReviews(authorizer), tokens, writer, time),
            logger
        );

        var host = Build(options, certificates, loggers);
        host.Run(new FaultyRequests(faults, dispatch.HandleAsync, time, stopping.Token).HandleAsync);
        IReadOnlyList<IDisposable> owned = [webhooks, tokens, certificates, stopping];
        try
        {
            await host.StartAsync(cancellationToken);
            var server = new ApiServer(host, owned, certificates.AuthorityPem, controllers, faults, stopping, adminToken);
            await new Bootstrap(writer, kinds).RunAsync(server.Address.Port);
            foreach (var name in Bootstrap.Namespaces)
                await controllers.Namespaces.FurnishNowAsync(name);
            controllers.Start(stopping.Token);
            logger.Listening(server.Address);
            return server;
        }
        catch
        {
            await host.DisposeAsync();
            foreach (var one in owned)
                one.Dispose();
            throw;
        }
    }

    /// <summary>Stops the server and ends its watches; returns within about two seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await _stopping.CancelAsync();
        using (var limit = new CancellationTokenSource(StopLimit))
        {
            await _host.StopAsync(limit.Token);
        }

        await _controllers.StoppedAsync();
        await _host.DisposeAsync();
        foreach (var owned in _owned)
            owned.Dispose();
    }

    private static WebApplication Build(LocalClusterOptions options, ServingCertificates certificates, ILoggerFactory loggers)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder
            .WebHost.UseKestrelCore()
            .UseKestrelHttpsConfiguration()
            .ConfigureKestrel(kestrel =>
            {
                kestrel.AddServerHeader = false;

                // Above the API's own limit, so that a client that sends too much lives to read the 413.
                kestrel.Limits.MaxRequestBodySize = 16L * RequestBody.Limit;
                kestrel.Limits.MaxConcurrentConnections = 10_000;
                kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
                kestrel.Limits.MinResponseDataRate = null;
                kestrel.Listen(
                    IPAddress.Loopback,
                    options.Port,
                    listen =>
                    {
                        listen.Protocols = HttpProtocols.Http1AndHttp2;
                        listen.UseHttps(https =>
                        {
                            https.ServerCertificate = certificates.Serving;
                            https.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
                        });
                    }
                );
            });
        return builder.Build();
    }

    /// <summary>The process belongs to whoever embeds the server: no signals are handled here.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
