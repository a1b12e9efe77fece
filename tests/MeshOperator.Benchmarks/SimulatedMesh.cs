using System.Security.Cryptography.X509Certificates;
using System.Text;
using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.LocalCluster;
using MeshOperator.Testing;

namespace MeshOperator.Benchmarks;

/// <summary>An API server in this process with the pods of a <see cref="LargeCluster"/>, and what their sidecars need to connect.</summary>
internal sealed class SimulatedMesh : IAsyncDisposable
{
    private const int Seed = 18;
    private readonly ApiServer _server;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meshop-benchmark-");

    private SimulatedMesh(ApiServer server, k8s.Kubernetes client) => (_server, Client) = (server, client);

    /// <summary>The administrator's client.</summary>
    public k8s.Kubernetes Client { get; }

    /// <summary>The administrator's kubeconfig.</summary>
    public string Kubeconfig => Path.Combine(_folder.FullName, "kubeconfig");

    /// <summary>Makes it.</summary>
    public static async Task<SimulatedMesh> StartAsync(int services, int endpoints)
    {
        var server = await ApiServer.StartAsync(new LocalClusterOptions { WorkloadControllers = false });
        using var kubeconfig = new MemoryStream(Encoding.UTF8.GetBytes(server.Kubeconfig));
        var client = new k8s.Kubernetes(await KubernetesClientConfiguration.BuildConfigFromConfigFileAsync(kubeconfig));
        var mesh = new SimulatedMesh(server, client);
        await LargeCluster.FillAsync(client, services, endpoints);
        await File.WriteAllTextAsync(mesh.Kubeconfig, server.Kubeconfig);
        return mesh;
    }

    /// <summary>The sidecars of the first pods, not running yet.</summary>
    /// <param name="count">How many.</param>
    /// <param name="address">The operator that each connects to, by its number.</param>
    /// <param name="takesAll">Whether they take all that their listeners name.</param>
    /// <param name="reports">Whether they open a stream of load reports.</param>
    /// <param name="failing">The service of which half of the requests that they report failed.</param>
    public async Task<List<SimulatedEnvoy>> ProxiesAsync(
        int count,
        Func<int, Uri> address,
        bool takesAll = false,
        bool reports = false,
        string? failing = null
    )
    {
        var roots = await RootsAsync();
        var pods = (await Client.CoreV1.ListNamespacedPodAsync(LargeCluster.Namespace)).Items.Take(count).ToList();
        var proxies = new List<SimulatedEnvoy>();
        foreach (var (index, pod) in pods.Index())
        {
            proxies.Add(
                new SimulatedEnvoy(
                    address(index),
                    roots,
                    $"{pod.Metadata.Name}.{LargeCluster.Namespace}",
                    await PodToken.IssueAsync(Client, pod),
                    new Random(Seed + index)
                )
                {
                    TakesAll = takesAll,
                    Reports = reports,
                    Failing = failing,
                }
            );
        }

        return proxies;
    }

    /// <summary>Waits until all have an identity.</summary>
    public static Task UntilBackAsync(List<SimulatedEnvoy> proxies) =>
        Polling.UntilAsync(
            () => Task.FromResult(proxies.TrueForAll(proxy => proxy.IdentityAt != 0)),
            () => $"{proxies.Count(proxy => proxy.IdentityAt == 0)} of {proxies.Count} streams are not there"
        );

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private async Task<X509Certificate2Collection> RootsAsync()
    {
        var roots = new X509Certificate2Collection();
        roots.ImportFromPem(await StreamTokens.RootsAsync(Client));
        return roots;
    }
}
