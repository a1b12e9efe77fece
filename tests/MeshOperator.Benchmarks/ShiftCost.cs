using System.Globalization;
using k8s;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Manifests;

namespace MeshOperator.Benchmarks;

/// <summary>What load reports cost the operator: streams on which nothing is asked, and those of a gradual shift.</summary>
internal static class ShiftCost
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(30);

    /// <summary>Prints it.</summary>
    /// <param name="streams">How many sidecars, each with a stream of configuration and one of load reports.</param>
    public static async Task MeasureAsync(int streams)
    {
        await using var mesh = await SimulatedMesh.StartAsync(services: 10, endpoints: (streams + 9) / 10);
        await mesh.Client.CoreV1.PatchNamespaceAsync(
            new V1Patch("""{"metadata":{"annotations":{"meshoperator.io/upstreams":"s0"}}}""", V1Patch.PatchType.MergePatch),
            LargeCluster.Namespace
        );
        await using var run = new MeshopRun(mesh.Kubeconfig);
        await run.StartAsync();
        using var end = new CancellationTokenSource();
        foreach (var reports in new[] { false, true })
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(end.Token);
            var proxies = await mesh.ProxiesAsync(streams, _ => run.Address, takesAll: true, reports);
            var running = proxies.ConvertAll(proxy => Task.Run(() => proxy.RunAsync(stop.Token)));
            await SimulatedMesh.UntilBackAsync(proxies);
            await ReportAsync(run, $"{streams} streams, {(reports ? "with load reports, nothing asked" : "without load reports")}");
            if (reports)
                await ShiftAsync(mesh, run, streams);
            await stop.CancelAsync();
            await Task.WhenAll(running);
        }
    }

    private static async Task ShiftAsync(SimulatedMesh mesh, MeshopRun run, int streams)
    {
        var transport = new KubernetesTransport(mesh.Client, TimeProvider.System);
        await new DynamicClient(transport).ApplyAsync(
            ManifestReader
                .Read(
                    $$"""
                    apiVersion: meshoperator.io/v1alpha1
                    kind: TrafficSplit
                    metadata: {name: s0, namespace: {{LargeCluster.Namespace}}}
                    spec:
                      service: s0
                      backends: [{service: s1}, {service: s2}]
                      shift:
                        to: s2
                        steps: [{weight: 10, hold: 1h}]
                        checks:
                          - successRate: {min: 99}
                          - errors: {maxRatio: 1.5}
                    """
                )
                .Single(),
            CancellationToken.None
        );
        var splits = new EntityClient<TrafficSplit>(transport);
        var reason = string.Empty;
        await Polling.UntilAsync(
            async () =>
            {
                var split = await splits.GetAsync(new(LargeCluster.Namespace, "s0"), CancellationToken.None);
                reason = split?.Status?.Shifts is [var shift] ? shift.Reason ?? string.Empty : "no status";
                return reason.StartsWith("successRate 100.00% of ", StringComparison.Ordinal);
            },
            () => $"the shift is not judged: {reason}"
        );
        await ReportAsync(run, $"{streams} streams, one shift of which all report every 5 s");
        Console.WriteLine($"    {reason}");
    }

    private static async Task ReportAsync(MeshopRun run, string what)
    {
        await Task.Delay(TimeSpan.FromSeconds(10), TimeProvider.System);
        var before = run.Cpu;
        await Task.Delay(Window, TimeProvider.System);
        var cores = (run.Cpu - before).TotalSeconds / Window.TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {cores:0.000} cores and {run.Memory:0} MiB"));
    }
}
