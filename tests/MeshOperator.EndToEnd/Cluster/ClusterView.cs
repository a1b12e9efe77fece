using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using Microsoft.Extensions.Logging.Abstractions;

namespace MeshOperator.EndToEnd.Cluster;

/// <summary>What the stand-ins for controllers and kubelet know of the API server.</summary>
internal sealed class ClusterView : IAsyncDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<Task> _running = [];
    private readonly KubernetesTransport _transport;

    public ClusterView(KubernetesTransport transport)
    {
        _transport = transport;
        Pods = Watch<V1Pod>(null);
        Services = Watch<V1Service>(null);
        Slices = Watch<V1EndpointSlice>(null);
        Deployments = Watch<V1Deployment>(null);
        ReplicaSets = Watch<V1ReplicaSet>(null);
        TrustBundles = Watch<V1ConfigMap>("metadata.name=" + Api.MeshNames.TrustBundleConfigMap);
    }

    /// <summary>Something changed; who listens marks that and returns.</summary>
    public event Action? Changed;

    public SharedInformer<V1Pod> Pods { get; }

    public SharedInformer<V1Service> Services { get; }

    public SharedInformer<V1EndpointSlice> Slices { get; }

    public SharedInformer<V1Deployment> Deployments { get; }

    public SharedInformer<V1ReplicaSet> ReplicaSets { get; }

    public SharedInformer<V1ConfigMap> TrustBundles { get; }

    public Task WaitForSyncAsync() =>
        Task.WhenAll(
            Pods.WaitForSyncAsync(_stopping.Token),
            Services.WaitForSyncAsync(_stopping.Token),
            Slices.WaitForSyncAsync(_stopping.Token),
            Deployments.WaitForSyncAsync(_stopping.Token),
            ReplicaSets.WaitForSyncAsync(_stopping.Token),
            TrustBundles.WaitForSyncAsync(_stopping.Token)
        );

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_running).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        _stopping.Dispose();
    }

    private SharedInformer<T> Watch<T>(string? fieldSelector)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var options = new InformerOptions<T> { FieldSelector = fieldSelector, LongestAnnotation = null };
        var informer = new SharedInformer<T>(
            _transport,
            options,
            TimeProvider.System,
            new Random(1),
            NullLogger<SharedInformer<T>>.Instance
        );
        informer.Changed += _ => Changed?.Invoke();
        _running.Add(Task.Run(() => informer.RunAsync(_stopping.Token)));
        return informer;
    }
}
