using System.Globalization;
using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Testing;

namespace MeshOperator.Benchmarks;

/// <summary>A <see cref="LargeCluster"/> on a real API server, and what a load client needs to be the proxies of its pods.</summary>
internal static class StreamTokens
{
    private const int Issuers = 8;

    /// <summary>Fills the API server unless it is, with pods that run.</summary>
    /// <param name="kubeconfig">The administrator's.</param>
    /// <param name="services">How many services.</param>
    /// <param name="endpoints">How many pods behind each.</param>
    public static async Task FillAsync(string kubeconfig, int services, int endpoints)
    {
        using var client = await ConnectAsync(kubeconfig);
        var namespaces = await client.CoreV1.ListNamespaceAsync();
        if (namespaces.Items.Any(ns => ns.Metadata.Name == LargeCluster.Namespace))
            return;
        await LargeCluster.FillAsync(client, services, endpoints);
        await LargeCluster.RunPodsAsync(client, services, endpoints);
    }

    /// <summary>Writes the mesh's roots to <c>ca.pem</c>, and the token of <c>pod-N</c> to <c>N</c>.</summary>
    /// <param name="kubeconfig">The administrator's.</param>
    /// <param name="folder">Where to.</param>
    /// <param name="count">How many tokens.</param>
    public static async Task WriteAsync(string kubeconfig, string folder, int count)
    {
        using var client = await ConnectAsync(kubeconfig);
        await File.WriteAllTextAsync(Path.Combine(folder, "ca.pem"), await RootsAsync(client));
        await Parallel.ForEachAsync(
            Enumerable.Range(0, count),
            new ParallelOptions { MaxDegreeOfParallelism = Issuers },
            async (i, cancellation) =>
            {
                var number = i.ToString(CultureInfo.InvariantCulture);
                var pod = await client.CoreV1.ReadNamespacedPodAsync(
                    $"pod-{number}",
                    LargeCluster.Namespace,
                    cancellationToken: cancellation
                );
                await File.WriteAllTextAsync(Path.Combine(folder, number), await PodToken.IssueAsync(client, pod), cancellation);
            }
        );
    }

    /// <summary>The mesh's roots as PEM, once the operator has written them.</summary>
    public static async Task<string> RootsAsync(k8s.Kubernetes client)
    {
        V1ConfigMap? bundle = null;
        await Polling.UntilAsync(
            async () =>
            {
                var maps = await client.CoreV1.ListNamespacedConfigMapAsync(LargeCluster.Namespace);
                bundle = maps.Items.FirstOrDefault(map => map.Metadata.Name == MeshNames.TrustBundleConfigMap);
                return bundle is not null;
            },
            () => "the namespace has no trust bundle"
        );
        return bundle!.Data[MeshNames.CaCertificateKey];
    }

    /// <summary>A client of the API server.</summary>
    /// <param name="kubeconfig">The administrator's.</param>
    public static async Task<k8s.Kubernetes> ConnectAsync(string kubeconfig) =>
        new(await KubernetesClientConfiguration.BuildConfigFromConfigFileAsync(new FileInfo(kubeconfig)));
}
