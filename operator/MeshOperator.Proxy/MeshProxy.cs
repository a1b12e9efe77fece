using System.Text.Json.Nodes;
using MeshOperator.Proxy.Admin;
using MeshOperator.Proxy.Bootstrap;
using MeshOperator.Proxy.Discovery;
using MeshOperator.Proxy.Filters;
using MeshOperator.Proxy.Forwarding;
using MeshOperator.Proxy.Listeners;
using MeshOperator.Proxy.Matching;
using MeshOperator.Proxy.Routing;
using MeshOperator.Proxy.Statistics;
using MeshOperator.Proxy.Tls;
using MeshOperator.Proxy.Upstream;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Proxy;

/// <summary>A sidecar's proxy in this process, for meshes on a developer's machine. It is a client of the operator as Envoy is: it takes
/// the same bootstrap and the same configuration, and rejects by name what it cannot do. See <see cref="SupportedFeatures"/>.</summary>
public sealed class MeshProxy : IAsyncDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly MeshProxyOptions _options;
    private readonly ListenerSet _listeners;
    private readonly ClusterStore _clusters;
    private readonly RequestForwarder _forwarder;
    private readonly ResourceTracker _resources;
    private readonly List<StaticRoutes> _static = [];
    private Task _discovery = Task.CompletedTask;
    private int _isStopped;

    private MeshProxy(ProxyConfiguration configuration, MeshProxyOptions options)
    {
        _options = options;
        NodeId = configuration.NodeId;
        var logger = options.LoggerFactory.CreateLogger<MeshProxy>();
        var statistics = new ProxyStatistics(configuration.Tags);
        var secrets = new SecretStore();
        _clusters = new ClusterStore(secrets, statistics, options.Time);
        _forwarder = new RequestForwarder(_clusters, options.Time);
        _listeners = new ListenerSet(configuration.NodeId, options.LoggerFactory, options.Time);
        var stores = new ChainFactory(
            secrets,
            new RouteStore(),
            new ExtensionStore(options.Time),
            _clusters,
            new RuntimeValues(),
            statistics,
            _forwarder,
            options.Time
        );
        _resources = new ResourceTracker(
            configuration.NodeId,
            configuration.RuntimeLayer,
            options.RejectRoutes,
            stores,
            _listeners,
            logger
        );
        statistics.Gauge("membership_total", () => _clusters.All.Select(cluster => (cluster.StatName, (double)cluster.Hosts.Count)));
        statistics.Gauge("membership_healthy", () => _clusters.All.Select(cluster => (cluster.StatName, (double)cluster.Healthy)));
        OpenStatic(configuration, new AdminPages(_resources, _clusters, _listeners, statistics));
        var loads = new LoadReporter(statistics.Loads, configuration, options.Time);
        Client = new AdsClient(configuration, _resources, loads, options.Time, logger);
    }

    /// <summary>The id by which the operator knows it.</summary>
    public string NodeId { get; }

    /// <summary>Whether it has a configuration, and all listeners of it are open.</summary>
    public bool IsReady => _resources.IsReady;

    private AdsClient Client { get; }

    /// <summary>Starts a proxy. It opens the listeners of its bootstrap, connects to the operator, and opens the others as they
    /// come.</summary>
    /// <param name="bootstrap">Envoy's bootstrap, as the injector makes it, with the addresses and files of the pod.</param>
    /// <param name="options">What it needs besides.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <exception cref="ArgumentException">The bootstrap lacks something; the text names it.</exception>
    public static async Task<MeshProxy> StartAsync(JsonObject bootstrap, MeshProxyOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(bootstrap);
        ArgumentNullException.ThrowIfNull(options);
        MeshProxy proxy;
        try
        {
            proxy = new MeshProxy(ProxyConfiguration.Read(bootstrap), options);
        }
        catch (ProxyBootstrapException exception)
        {
            throw new ArgumentException(exception.Message, nameof(bootstrap), exception);
        }

        await proxy._listeners.StartAsync(cancellationToken);
        proxy._discovery = proxy.Client.RunAsync(proxy._stopping.Token);
        return proxy;
    }

    /// <summary>Takes no more connections, lets requests in flight finish for <see cref="MeshProxyOptions.DrainTimeout"/>, and
    /// ends.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isStopped, 1) == 1)
            return;
        using var drained = new CancellationTokenSource(_options.DrainTimeout, _options.Time);
        await _listeners.StopAsync(drained.Token);
        await _stopping.CancelAsync();
        await _discovery;
        await _listeners.DisposeAsync();
        _forwarder.Dispose();
        _clusters.Dispose();
        foreach (var routes in _static)
            routes.Dispose();
        _stopping.Dispose();
    }

    private void OpenStatic(ProxyConfiguration configuration, AdminPages admin)
    {
        if (configuration.Admin is { } address)
            _listeners.Set(new ListenerPlan("admin", address, admin));
        foreach (var listener in configuration.Listeners)
        {
            var routes = new StaticRoutes(listener, configuration, admin, _options.Time);
            _static.Add(routes);
            _listeners.Set(new ListenerPlan(listener.Name, listener.Address, routes));
        }
    }
}
