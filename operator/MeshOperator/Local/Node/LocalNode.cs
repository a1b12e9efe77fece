using System.Collections.Concurrent;
using System.Threading.Channels;
using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Local.Traffic;
using MeshOperator.Local.Watching;

namespace MeshOperator.Local.Node;

/// <summary>Scheduler and kubelet of the one node of a local mesh: it runs a <see cref="LocalPod"/> for each pod of the API
/// server.</summary>
internal sealed class LocalNode : IAsyncDisposable
{
    /// <summary>The node's name.</summary>
    public const string NodeName = "local";

    /// <summary>The node's address.</summary>
    public const string HostAddress = "127.0.0.1";

    private static readonly TimeSpan RefreshEvery = TimeSpan.FromSeconds(5);
    private readonly ConcurrentDictionary<string, LocalPod> _pods = new(StringComparer.Ordinal);
    private readonly PodAddresses _addresses = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );
    private readonly SharedInformer<V1Pod> _informer;
    private readonly SharedInformer<V1ConfigMap> _bundles;
    private readonly Action<string> _report;
    private readonly List<Task> _running = [];

    /// <summary>Makes a node; <see cref="Start"/> starts it.</summary>
    /// <param name="client">An administrator's client.</param>
    /// <param name="transport">The same for informers.</param>
    /// <param name="proxies">What runs as proxy.</param>
    /// <param name="folder">Where pods have their files.</param>
    /// <param name="discoveryAddress">Where the operator is, <c>host:port</c> of ADS over TLS.</param>
    /// <param name="traffic">Where requests are counted.</param>
    /// <param name="loggers">Where informers log.</param>
    /// <param name="report">Receives what goes wrong with pods, a line each.</param>
    public LocalNode(
        k8s.Kubernetes client,
        KubernetesTransport transport,
        ILocalProxies proxies,
        string folder,
        string discoveryAddress,
        TrafficLog traffic,
        ILoggerFactory loggers,
        Action<string> report
    )
    {
        BuiltIn = new BuiltInProxies(loggers);
        (Client, Proxies, Folder, DiscoveryAddress, Traffic, _report) = (client, proxies, folder, discoveryAddress, traffic, report);
        _informer = LocalInformers.Create<V1Pod>(transport, loggers);
        _bundles = LocalInformers.Create<V1ConfigMap>(transport, loggers, "metadata.name=" + MeshNames.TrustBundleConfigMap);
        _informer.Changed += _ => _changes.Writer.TryWrite(true);
        _bundles.Changed += _ => _changes.Writer.TryWrite(true);
    }

    /// <summary>An administrator's client.</summary>
    public k8s.Kubernetes Client { get; }

    /// <summary>What runs as proxy.</summary>
    public ILocalProxies Proxies { get; }

    /// <summary>The built-in proxy, for pods that ask for it.</summary>
    public ILocalProxies BuiltIn { get; }

    /// <summary>Where pods have their files.</summary>
    public string Folder { get; }

    /// <summary>Where the operator is.</summary>
    public string DiscoveryAddress { get; }

    /// <summary>Where requests are counted.</summary>
    public TrafficLog Traffic { get; }

    /// <summary>Asks proxies whether they are ready.</summary>
    public HttpClient Http { get; } = new() { Timeout = TimeSpan.FromSeconds(2) };

    /// <summary>The pods that run here.</summary>
    public IEnumerable<LocalPod> Pods => _pods.Values;

    /// <summary>Starts to run pods.</summary>
    public void Start()
    {
        Directory.CreateDirectory(Folder);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        _running.Add(Task.Run(() => _informer.RunAsync(_stopping.Token)));
        _running.Add(Task.Run(() => _bundles.RunAsync(_stopping.Token)));
        _running.Add(Task.Run(() => ReconcileAsync(_stopping.Token)));
    }

    /// <summary>The trust bundle of a namespace; null when it has none.</summary>
    public V1ConfigMap? FindTrustBundle(string ns) => _bundles.Objects.GetValueOrDefault(new ObjectKey(ns, MeshNames.TrustBundleConfigMap));

    /// <summary>Reports what went wrong.</summary>
    public void Report(string line) => _report(line);

    /// <summary>Says where the proxy and the application of a pod listen.</summary>
    public async Task AnnotateAsync(V1Pod pod, string address, CancellationToken cancellation)
    {
        var annotations = new Dictionary<string, string>
        {
            [SidecarAnnotations.ProxyAddress] = address,
            [SidecarAnnotations.ApplicationAddress] = PodAddresses.GetApplication(address),
        };
        var patch = new { metadata = new { annotations } };
        await Client.CoreV1.PatchNamespacedPodAsync(
            new V1Patch(KubernetesJson.Serialize(patch), V1Patch.PatchType.MergePatch),
            pod.Metadata.Name,
            pod.Metadata.NamespaceProperty,
            cancellationToken: cancellation
        );
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_running).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        foreach (var pod in _pods.Values)
            pod.End(drains: false);
        await Task.WhenAll(_pods.Values.Select(pod => pod.Ended));
        foreach (var pod in _pods.Values)
            pod.Dispose();
        _addresses.Dispose();
        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true);
        Http.Dispose();
        _stopping.Dispose();
    }

    private async Task ReconcileAsync(CancellationToken cancellation)
    {
        await Task.WhenAll(_informer.WaitForSyncAsync(cancellation), _bundles.WaitForSyncAsync(cancellation));
        while (true)
        {
            Reconcile();
            foreach (var pod in _pods.Values)
                await pod.RefreshAsync();
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(RefreshEvery);
            try
            {
                await _changes.Reader.ReadAsync(limit.Token);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                // Nothing changed for a while.
            }
        }
    }

    private void Reconcile()
    {
        var known = _informer.Objects.Values.Where(pod => pod.Spec.NodeName == NodeName).ToDictionary(p => p.Metadata.Uid);
        foreach (var (uid, pod) in known)
        {
            if (!_pods.TryGetValue(uid, out var running))
            {
                if (pod.Status?.Phase is "Succeeded" or "Failed")
                    continue;
                _pods[uid] = running = new LocalPod(pod, this, _addresses.Assign(uid));
                running.Start();
            }

            if (pod.Metadata.DeletionTimestamp is not null)
                running.End(drains: true);
        }

        foreach (var (uid, running) in _pods.Where(pod => !known.ContainsKey(pod.Key)))
        {
            // Deleted without grace: its object is gone already.
            running.End(drains: false);
            if (!running.Ended.IsCompleted || !_pods.TryRemove(uid, out _))
                continue;
            running.Dispose();
            _addresses.Release(uid);
        }
    }
}
