using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.Checks;
using MeshOperator.Composition;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Listeners;
using MeshOperator.Local.Load;
using MeshOperator.Local.Node;
using MeshOperator.Local.Traffic;
using MeshOperator.LocalCluster;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Pipeline;
using MeshOperator.Settings;
using MeshOperator.Snapshots;

namespace MeshOperator.Local;

/// <summary>How a local mesh is to be.</summary>
internal sealed record LocalMeshOptions
{
    /// <summary>The API server's port; 0 for any.</summary>
    public int ApiPort { get; init; }

    /// <summary>The operator's settings.</summary>
    public required OperatorOptions Operator { get; init; }

    /// <summary>Where the API server logs.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>What runs as proxy of each pod; null where pods are API objects only.</summary>
    public ILocalProxies? Proxies { get; init; }

    /// <summary>Where pods have their files; needed with <see cref="Proxies"/>.</summary>
    public string PodFolder { get; init; } = string.Empty;

    /// <summary>Receives what goes wrong with pods, a line each.</summary>
    public Action<string> Report { get; init; } = _ => { };
}

/// <summary>A cluster and the operator in this process: an API server in memory, the mesh's CRDs and webhooks, the operator, and a
/// stand-in for the controllers of a real cluster.</summary>
internal sealed class LocalMesh : IAsyncDisposable
{
    private static readonly TimeSpan ConfiguredWithin = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(50);
    private readonly ApiServer _server;
    private readonly k8s.Kubernetes _client;
    private readonly KubernetesTransport _transport;

    private LoadGenerator? _load;

    private LocalMesh(ApiServer server, k8s.Kubernetes client, KubernetesTransport transport, OperatorHost host) =>
        (_server, _client, _transport, Host) = (server, client, transport, host);

    /// <summary>The node that runs pods; null where none do.</summary>
    public LocalNode? Node { get; private set; }

    /// <summary>What requests there were.</summary>
    public TrafficLog Traffic { get; } = new(TimeProvider.System);

    /// <summary>An administrator's client.</summary>
    public KubernetesTransport Transport => _transport;

    /// <summary>The operator.</summary>
    public OperatorHost Host { get; }

    /// <summary>The API server's address.</summary>
    public Uri ApiServer => _server.Address;

    /// <summary>An administrator's kubeconfig, YAML.</summary>
    public string Kubeconfig => _server.Kubeconfig;

    /// <summary>Starts everything; it is ready when this returns.</summary>
    public static async Task<LocalMesh> StartAsync(LocalMeshOptions options, CancellationToken cancellation)
    {
        var server = await LocalCluster.ApiServer.StartAsync(
            new LocalClusterOptions
            {
                Port = options.ApiPort,
                LoggerFactory = options.LoggerFactory,
                ExternalKubelet = options.Proxies is not null,
            },
            cancellation
        );
        k8s.Kubernetes? client = null;
        try
        {
            var configuration = await KubernetesClientConfiguration.BuildConfigFromConfigFileAsync(
                new MemoryStream(Encoding.UTF8.GetBytes(server.Kubeconfig))
            );
            client = new k8s.Kubernetes(configuration);
            var transport = new KubernetesTransport(client, TimeProvider.System);
            var objects = new DynamicClient(transport);
            foreach (var crd in EmbeddedCrds.Read())
                await objects.ApplyAsync(crd, cancellation);
            await objects.ApplyAsync(
                new JsonObject
                {
                    ["apiVersion"] = "v1",
                    ["kind"] = "Namespace",
                    ["metadata"] = new JsonObject { ["name"] = options.Operator.Namespace },
                },
                cancellation
            );
            var host = await OperatorHost.StartAsync(options.Operator, client, cancellation);
            var mesh = new LocalMesh(server, client, transport, host);
            if (options.Proxies is { } proxies)
                mesh.Run(options, proxies);
            return mesh;
        }
        catch
        {
            client?.Dispose();
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Creates objects, and waits until all that follows from them is there: pods, endpoints, configuration and status.</summary>
    /// <exception cref="ManifestException">The API server refused one; the message names file and object.</exception>
    public async Task ApplyAsync(IReadOnlyList<ManifestObject> manifests, CancellationToken cancellation)
    {
        var objects = new DynamicClient(_transport);
        foreach (var manifest in manifests)
        {
            try
            {
                await objects.ApplyAsync(manifest.Object, cancellation);
            }
            catch (KubernetesApiException e)
            {
                throw new ManifestException($"{manifest.File}: {manifest.Name}: {e.Message}", e);
            }
        }

        await WaitUntilConfiguredAsync(cancellation);
        // Before that, callers from outside would see what the sample does not mean to show.
        _load?.Start();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_load is not null)
            await _load.DisposeAsync();
        if (Node is not null)
            await Node.DisposeAsync();
        await Host.DisposeAsync();
        _client.Dispose();
        await _server.DisposeAsync();
    }

    private void Run(LocalMeshOptions options, ILocalProxies proxies)
    {
        var loggers = options.LoggerFactory ?? Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance;
        var discovery = $"localhost:{Host.Ports[ListenerKind.TlsXds].Port}";
        Node = new LocalNode(_client, _transport, proxies, options.PodFolder, discovery, Traffic, loggers, options.Report);
        Node.Start();
        _load = new LoadGenerator(_transport, Traffic, loggers);
    }

    private async Task WaitUntilConfiguredAsync(CancellationToken cancellation)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (await FindUnfinishedAsync(cancellation) is { } unfinished)
        {
            if (TimeProvider.System.GetElapsedTime(started) > ConfiguredWithin)
                throw new ManifestException($"after {ConfiguredWithin.TotalSeconds:0} s {unfinished}");
            await Task.Delay(PollEvery, TimeProvider.System, cancellation);
        }
    }

    /// <summary>What the API server holds that has not yet got to the proxies' configuration or to a policy's status; null when all
    /// has.</summary>
    private async Task<string?> FindUnfinishedAsync(CancellationToken cancellation)
    {
        var deployments = await _client.AppsV1.ListDeploymentForAllNamespacesAsync(cancellationToken: cancellation);
        if (deployments.Items.FirstOrDefault(d => (d.Status?.ReadyReplicas ?? 0) < (d.Spec.Replicas ?? 1)) is { } deployment)
            return $"Deployment {Name(deployment)} has {deployment.Status?.ReadyReplicas ?? 0} of {deployment.Spec.Replicas} pods ready";

        var source = Host.Services.GetRequiredService<ClusterSnapshotSource>();
        var snapshot = source.Current;
        var pods = await _client.CoreV1.ListPodForAllNamespacesAsync(cancellationToken: cancellation);
        var slices = await _client.DiscoveryV1.ListEndpointSliceForAllNamespacesAsync(cancellationToken: cancellation);
        var services = await _client.CoreV1.ListServiceForAllNamespacesAsync(cancellationToken: cancellation);
        foreach (var service in services.Items.Where(s => s.Spec.Selector is { Count: > 0 }))
        {
            var selected = pods.Items.Count(p => Selects(service, p));
            var ready = slices.Items.Where(s => BelongsTo(s, service)).Sum(s => s.Endpoints?.Count(e => e.Conditions?.Ready == true) ?? 0);
            if (ready < selected)
                return $"Service {Name(service)} has {ready} of {selected} endpoints";
        }

        if (
            !pods.Items.All(p => Equals(snapshot.Pods.GetValueOrDefault(Name(p)), RecordReader.Read(p)))
            || !slices.Items.All(s => Equals(snapshot.EndpointSlices.GetValueOrDefault(Name(s)), RecordReader.Read(s)))
            || !services.Items.All(s => Equals(snapshot.Services.GetValueOrDefault(Name(s)), RecordReader.Read(s)))
        )
        {
            return "the operator has not seen all pods, services and endpoints";
        }

        foreach (var kind in PolicyKinds.All)
        {
            if (await kind.Accept(new FindWithoutStatus(_transport, cancellation)) is { } policy)
                return policy;
        }

        return Host.Services.GetRequiredService<MeshPipeline>().TranslatedSnapshot == source.Current
            ? null
            : "the last changes have not been served yet";
    }

    private static bool Selects(V1Service service, V1Pod pod) =>
        pod.Metadata.NamespaceProperty == service.Metadata.NamespaceProperty
        && pod.Metadata.Labels is { } labels
        && service.Spec.Selector.All(l => labels.TryGetValue(l.Key, out var value) && value == l.Value);

    private static bool BelongsTo(V1EndpointSlice slice, V1Service service) =>
        slice.Metadata.NamespaceProperty == service.Metadata.NamespaceProperty
        && slice.Metadata.Labels is { } labels
        && labels.TryGetValue("kubernetes.io/service-name", out var name)
        && name == service.Metadata.Name;

    private static ObjectName Name(IKubernetesObject<V1ObjectMeta> entity) => new(entity.Metadata.NamespaceProperty, entity.Metadata.Name);

    /// <summary>Finds a policy of a kind whose status is not about its present generation.</summary>
    private sealed class FindWithoutStatus(KubernetesTransport transport, CancellationToken cancellation)
        : IPolicyKindVisitor<Task<string?>>
    {
        public async Task<string?> Visit<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind)
            where TPolicy : Kubernetes.Entities.CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
            where TSpec : class, new()
        {
            var policies = await new EntityClient<TPolicy>(transport).ListAsync(cancellation);
            var without = policies.FirstOrDefault(p =>
                p.CommonStatus is not { Conditions.Count: > 0 } status
                || !status.Conditions.TrueForAll(c => c.ObservedGeneration == p.Metadata.Generation)
            );
            return without is null ? null : $"{kind.Name} {LocalMesh.Name(without)} has no status";
        }
    }
}
