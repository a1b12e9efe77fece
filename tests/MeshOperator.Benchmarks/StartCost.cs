using System.Diagnostics;
using System.Globalization;
using k8s;

namespace MeshOperator.Benchmarks;

/// <summary>How long <c>meshop run</c> takes from its start to <c>/readyz</c> on a full cluster, and what CPU.</summary>
internal static class StartCost
{
    private const int Starts = 3;

    /// <summary>Fills the API server, if its namespace is not there, and prints each start.</summary>
    /// <param name="kubeconfig">The administrator's of a real API server.</param>
    /// <param name="program">The operator's program as it is published.</param>
    /// <param name="services">How many services.</param>
    /// <param name="endpoints">How many pods behind each.</param>
    public static async Task MeasureAsync(string kubeconfig, string program, int services, int endpoints)
    {
        using var client = new k8s.Kubernetes(await KubernetesClientConfiguration.BuildConfigFromConfigFileAsync(new FileInfo(kubeconfig)));
        var namespaces = await client.CoreV1.ListNamespaceAsync();
        if (namespaces.Items.All(ns => ns.Metadata.Name != LargeCluster.Namespace))
        {
            await LargeCluster.FillAsync(client, services, endpoints);
            await LargeCluster.RunPodsAsync(client, services, endpoints);
        }

        for (var i = 0; i < Starts; i++)
            await StartAsync(kubeconfig, program);
    }

    private static async Task StartAsync(string kubeconfig, string program)
    {
        await using var run = new MeshopRun(kubeconfig, program);
        var started = Stopwatch.GetTimestamp();
        await run.StartAsync();
        var seconds = Stopwatch.GetElapsedTime(started, await run.UntilReadyAsync()).TotalSeconds;
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"ready after {seconds:0.0} s, {run.Cpu.TotalSeconds:0.0} s of CPU, {run.Memory:0} MiB"
            )
        );
    }
}
