using System.Text;
using k8s;
using MeshOperator.Kubernetes.Client;
using MeshOperator.LocalCluster;

namespace MeshOperator.EndToEnd.Cluster;

/// <summary>The API server that the suite runs on: the one that <c>MESH_TEST_KUBECONFIG</c> names, else one in this process without any of
/// its stand-ins, as the suite has its own.</summary>
internal sealed class ClusterConnection : IAsyncDisposable
{
    private readonly ApiServer? _local;

    private ClusterConnection(k8s.Kubernetes client, string kubeconfig, ApiServer? local)
    {
        (Client, Kubeconfig, _local) = (client, kubeconfig, local);
        Transport = new KubernetesTransport(client, TimeProvider.System);
    }

    public k8s.Kubernetes Client { get; }

    public KubernetesTransport Transport { get; }

    /// <summary>An administrator's kubeconfig, YAML.</summary>
    public string Kubeconfig { get; }

    /// <summary>Whether it is a real API server, which evaluates CEL.</summary>
    public bool IsReal => _local is null;

    public static async Task<ClusterConnection> OpenAsync()
    {
        if (Environment.GetEnvironmentVariable("MESH_TEST_KUBECONFIG") is { Length: > 0 } path)
        {
            var text = await File.ReadAllTextAsync(path);
            return new ClusterConnection(Connect(text), text, local: null);
        }

        var local = await ApiServer.StartAsync(new LocalClusterOptions { WorkloadControllers = false, ExternalKubelet = true });
        return new ClusterConnection(Connect(local.Kubeconfig), local.Kubeconfig, local);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (_local is not null)
            await _local.DisposeAsync();
    }

    private static k8s.Kubernetes Connect(string kubeconfig)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(kubeconfig));
        return new k8s.Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(stream));
    }
}
