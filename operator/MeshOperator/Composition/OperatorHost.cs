using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using MeshOperator.Authority;
using MeshOperator.Bundles;
using MeshOperator.Certificates;
using MeshOperator.Completions;
using MeshOperator.Injection;
using MeshOperator.Kubernetes;
using MeshOperator.Kubernetes.Admission;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Listeners;
using MeshOperator.Modes;
using MeshOperator.Pipeline;
using MeshOperator.Replicas;
using MeshOperator.Revocations;
using MeshOperator.Settings;
using MeshOperator.Snapshots;
using MeshOperator.Statuses;
using MeshOperator.Webhooks;
using MeshOperator.Xds;
using MeshOperator.Xds.Hosting;
using Serilog;

namespace MeshOperator.Composition;

/// <summary>The operator as one web application: informers, translation, ADS, webhooks and controllers over one API server.</summary>
[GenericRbac("coordination.k8s.io", "leases", "create", OwnNamespace = true)]
[GenericRbac("coordination.k8s.io", "leases", "get,update", OwnNamespace = true, ResourceNames = LeaseName)]
internal sealed class OperatorHost : IAsyncDisposable
{
    private const string LeaseName = "mesh-operator-leader";

    /// <summary>How long a stop takes at most, beyond <see cref="OperatorOptions.ShutdownDelay"/>.</summary>
    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(20);
    private readonly WebApplication _app;
    private readonly MeshAuthority _authority;
    private TimeSpan _stopWithin = StopWithin;

    private OperatorHost(WebApplication app, MeshAuthority authority, Dictionary<ListenerKind, IPEndPoint> ports) =>
        (_app, _authority, Ports) = (app, authority, ports);

    /// <summary>Where each port listens.</summary>
    public IReadOnlyDictionary<ListenerKind, IPEndPoint> Ports { get; }

    /// <summary>The roots of the mesh, PEM.</summary>
    public string TrustBundle => _authority.TrustBundle;

    /// <summary>The services, for who runs the host in its own process.</summary>
    public IServiceProvider Services => _app.Services;

    /// <summary>Starts the operator; it is ready when <see cref="MeshPipeline.IsReady"/>.</summary>
    /// <exception cref="CertificateAuthorityException">The certificate authority's Secret cannot be used.</exception>
    /// <exception cref="IOException">A port is taken.</exception>
    public static async Task<OperatorHost> StartAsync(OperatorOptions options, k8s.Kubernetes client, CancellationToken cancellation)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        var logger = OperatorLogging.Create(options);
        builder.Services.AddSerilog(logger, dispose: true);
        if (!options.OwnsProcess)
            builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        AddCore(builder.Services, options, client);

        // Kestrel cannot listen without a certificate, so the authority comes before everything else.
        using var loggers = new Serilog.Extensions.Logging.SerilogLoggerFactory(logger);
        var transport = new KubernetesTransport(client, TimeProvider.System);
        var store = new AuthorityStore(
            new AuthoritySecrets(new EntityClient<V1Secret>(transport), options),
            new EntityClient<MeshCertificateAuthority>(transport),
            options,
            TimeProvider.System,
            loggers.CreateLogger<AuthorityStore>()
        );
        var authority = new MeshAuthority(await store.LoadAsync(cancellation), TimeProvider.System);
        var serving = new ServingCertificate(authority, options.ServingNames, TimeProvider.System);
        var version = await new ServerVersion(client, TimeProvider.System, loggers.CreateLogger<ServerVersion>()).AskAsync(cancellation);
        AddMesh(builder.Services, options, version);
        var tls = new ReplicaTls(() => serving.Current, () => authority.TrustBundle, options.ServingNames[0]);
        AddReplicas(builder.Services, tls);
        AddIdentity(builder.Services, options, authority, serving);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenOnPorts(options, serving, tls));
        builder.Services.AddRoutingCore();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = StopWithin + options.ShutdownDelay);

        var app = builder.Build();
        app.UseRouting();
        app.MapOperator();
        try
        {
            await app.StartAsync(cancellation);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        var host = new OperatorHost(app, authority, app.FindPorts(options)) { _stopWithin = StopWithin + options.ShutdownDelay };
        if (host.Ports.TryGetValue(ListenerKind.Replicas, out var replicas))
            app.Services.GetRequiredService<ReplicaAddress>().Value = new IPEndPoint(FindReplicaHost(options), replicas.Port);
        if (options.OwnWebhookConfigurations)
            await host.ApplyWebhookConfigurationsAsync(options, cancellation);
        return host;
    }

    /// <summary>Logs where each port listens.</summary>
    public void LogPorts() =>
        Log.Listening(
            Services.GetRequiredService<ILogger<OperatorHost>>(),
            Ports[ListenerKind.TlsXds].ToString(),
            Ports[ListenerKind.Webhooks].ToString(),
            Ports[ListenerKind.Metrics].ToString()
        );

    /// <summary>Waits until the operator is asked to stop.</summary>
    public Task WaitForShutdownAsync(CancellationToken cancellation) => _app.WaitForShutdownAsync(cancellation);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using (var timeout = new CancellationTokenSource(_stopWithin))
            await _app.StopAsync(timeout.Token);
        await _app.DisposeAsync();
    }

    private static void AddCore(IServiceCollection services, OperatorOptions options, k8s.Kubernetes client)
    {
        services.AddSingleton(options);
        services.AddSingleton(client);
        services.AddSingleton(TimeProvider.System);
#pragma warning disable RS0030 // The one place where randomness comes from.
        services.AddSingleton(Random.Shared);
#pragma warning restore RS0030
        // Before all that writes: hosted services stop in reverse order, and the lease is given back when they have.
        AddLeadership(services, options);
        var kubernetes = services
            .AddKubernetesOperator()
            .AddInformer(new InformerOptions<V1Node> { Trim = RecordReader.Trim, LongestAnnotation = 0 })
            .AddInformer(new InformerOptions<V1Service> { FirstListFromCache = true })
            .AddInformer(new InformerOptions<V1EndpointSlice> { FirstListFromCache = true })
            .AddInformer(
                new InformerOptions<V1Pod>
                {
                    Trim = RecordReader.Trim,
                    ReadProtobuf = PodMessages.Read,
                    FirstListFromCache = true,
                }
            )
            .AddInformer(
                new InformerOptions<V1Secret> { Namespace = options.Namespace, FieldSelector = $"metadata.name={MeshNames.CaStateSecret}" }
            )
            .AddInformer(
                new InformerOptions<V1Lease>
                {
                    Namespace = options.Namespace,
                    LabelSelector = MeshNames.ReplicaReportLabel,
                    LongestAnnotation = null,
                }
            )
            .AddInformer(
                new InformerOptions<V1ConfigMap>
                {
                    FieldSelector = $"metadata.name={MeshNames.TrustBundleConfigMap}",
                    LongestAnnotation = 0,
                }
            )
            .AddInformer(new InformerOptions<MeshCertificateAuthority> { FieldSelector = $"metadata.name={options.CertificateAuthority}" })
            .AddController<TrustBundleController, V1Namespace>()
            .AddController<EditedBundleController, V1ConfigMap>()
            .AddController<MutatingCaBundleController, V1MutatingWebhookConfiguration>()
            .AddController<ValidatingCaBundleController, V1ValidatingWebhookConfiguration>()
            .AddMutationWebhook<PodInjectionWebhook, V1Pod>();
        kubernetes.AddPolicies();
        services.AddSingleton<IPolicyWarnings<MtlsPolicySpec>, MtlsPolicyWarnings>();
        services.AddSingleton<IPolicyTransition<TrafficSplitSpec>, TrafficSplitTransition>();
        services.AddSingleton<IPolicyPlacement<TrafficSplitSpec>, TrafficSplitPlacement>();
        kubernetes.AddValidationWebhook<CertificateAuthorityWebhook, MeshCertificateAuthority>();
        services.AddSingleton<FluentValidation.IValidator<MeshCertificateAuthoritySpec>, MeshCertificateAuthorityValidator>();
    }

    private static void AddMesh(IServiceCollection services, OperatorOptions options, KubernetesVersion? version)
    {
        services.AddSingleton(
            new SidecarInjector(
                options.Injection with
                {
                    DiscoveryAddress = $"{options.ServiceName}.{options.Namespace}.svc:15012",
                    OperatorNamespace = options.Namespace,
                    OperatorIdentity = options.Identity,
                    KubernetesVersion = version,
                }
            )
        );
        services.AddSingleton<ClusterSnapshotSource>();
        services.AddSingleton(new Xds.Translation.EnvoyTranslator(options.Telemetry, options.HeaderCase));
        services.AddSingleton<RevocationTracker>();
        services.AddSingleton<MeshPipeline>();
        services.AddHostedService(p => p.GetRequiredService<MeshPipeline>());
        services.AddSingleton(p => new ProxyCensus(
            p.GetRequiredService<Xds.Registry.ProxyRegistry>(),
            () => options.PodsRun ? p.GetRequiredService<SharedInformer<V1Pod>>().Objects : ImmutableDictionary<ObjectKey, V1Pod>.Empty,
            () => p.GetRequiredService<ReplicaPeers>().Current,
            p.GetRequiredService<TimeProvider>()
        ));
        services.AddHostedService<PolicyStatusWriter>();
        services.AddHostedService<ApplicationEvents>();
        services.AddHostedService<NoticeEvents>();
        services.AddSingleton<CompletionMetrics>();
        services.AddSingleton<CompletionOrder>();
        services.AddHostedService<CompletionService>();
        services.AddSingleton<PipelineMetrics>();
        services.AddSingleton<PipelineWatch>();
        services.AddShifts(options);
        services.AddHostedService<RevocationService>();
        services.AddProxies();
        services.AddXdsServer(xds =>
        {
            xds.DrainsWhenStopping = false;
            xds.MaxWaitingStreams = options.MaxWaitingStreams;
        });
        services.AddMetricsEndpoint();
    }

    private static void AddReplicas(IServiceCollection services, ReplicaTls tls)
    {
        services.AddSingleton(tls);
        services.AddSingleton<ReplicaAges>();
        services.AddSingleton<ReplicaAddress>();
        services.AddSingleton<ReplicaBoard>();
        services.AddHostedService(p => p.GetRequiredService<ReplicaBoard>());
        services.AddSingleton<ReplicaPeers>();
        services.AddSingleton<IPeerContacts>(p => p.GetRequiredService<ReplicaPeers>());
        services.AddHostedService(p => p.GetRequiredService<ReplicaPeers>());
        services.AddSingleton<ModeRecords>();
        services.AddHostedService(p => p.GetRequiredService<ModeRecords>());
        services.AddSingleton<ApiContact>();
        services.AddSingleton<Isolation>();
        services.AddHostedService(p => p.GetRequiredService<Isolation>());
        services.AddSingleton<Shutdown>();
        services.AddHostedService(p => p.GetRequiredService<Shutdown>());
        services.AddHostedService<ReplicaLeases>();
    }

    private static void AddIdentity(
        IServiceCollection services,
        OperatorOptions options,
        MeshAuthority authority,
        ServingCertificate serving
    )
    {
        services.AddSingleton(authority);
        services.AddSingleton(serving);
        services.AddSingleton<AuthoritySecrets>();
        services.AddSingleton(p =>
            IdentityIssuers.Create(
                authority,
                p.GetRequiredService<SharedInformer<MeshCertificateAuthority>>(),
                options,
                p.GetRequiredService<TimeProvider>(),
                p.GetRequiredService<Random>()
            )
        );
        services.AddSingleton<TrustBundles>();
        services.AddSingleton<AuthorityExpiry>();
        services.AddSingleton<ProxyTrust>();
        services.AddSingleton<IReplicaNotice, TrustNotice>();
        services.AddSingleton<RotationProgressSource>();
        services.AddSingleton<WantedAuthority>();
        services.AddSingleton<RotationSteps>();
        services.AddSingleton<AuthorityStatusWriter>();
        services.AddSingleton<AuthorityReconciler>();
        services.AddHostedService<AuthorityFollower>();
        services.AddHostedService<AuthorityMetrics>();
        services.AddHostedService<RotationService>();
    }

    private static void AddLeadership(IServiceCollection services, OperatorOptions options)
    {
        if (options.ElectionIdentity is not { } identity)
        {
            services.AddSingleton<ILeadership, SoleLeadership>();
            return;
        }

        services.AddSingleton(p => new LeaseElection(
            p.GetRequiredService<EntityClient<V1Lease>>(),
            new ObjectKey(options.Namespace, LeaseName),
            identity,
            p.GetRequiredService<TimeProvider>(),
            p.GetRequiredService<ILogger<LeaseElection>>()
        ));
        services.AddSingleton<ILeadership>(p => p.GetRequiredService<LeaseElection>());
        services.AddHostedService(p => p.GetRequiredService<LeaseElection>());
    }

    /// <summary>An address of this machine, if none is given: that of the way to the outside, to which nothing is sent.</summary>
    private static IPAddress FindReplicaHost(OperatorOptions options)
    {
        if (IPAddress.TryParse(options.ReplicaHost, out var given))
            return given;
        if (options.LoopbackOnly)
            return IPAddress.Loopback;
        try
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Connect(new IPEndPoint(new IPAddress([192, 0, 2, 1]), 9));
            return ((IPEndPoint)socket.LocalEndPoint!).Address;
        }
        catch (SocketException)
        {
            return IPAddress.Loopback;
        }
    }

    private async Task ApplyWebhookConfigurationsAsync(OperatorOptions options, CancellationToken cancellation)
    {
        var url = $"https://{Ports[ListenerKind.Webhooks]}";
        var key = new ObjectKey(string.Empty, options.WebhookConfiguration);
        await Services
            .GetRequiredService<EntityClient<V1MutatingWebhookConfiguration>>()
            .ApplyAsync(
                key,
                WebhookConfigurations.Mutating(url, TrustBundle, options.Namespace),
                MeshNames.FieldManager,
                null,
                cancellation
            );
        await Services
            .GetRequiredService<EntityClient<V1ValidatingWebhookConfiguration>>()
            .ApplyAsync(key, WebhookConfigurations.Validating(url, TrustBundle), MeshNames.FieldManager, null, cancellation);
    }
}
