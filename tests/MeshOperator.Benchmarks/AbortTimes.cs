using System.Globalization;
using System.Text.RegularExpressions;
using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Manifests;

namespace MeshOperator.Benchmarks;

/// <summary>How long it takes from a failed check of a gradual shift until the last sidecar has acknowledged that all traffic goes
/// back.</summary>
internal static class AbortTimes
{
    private const string Split = "s3";

    /// <summary>Prints it.</summary>
    /// <param name="streams">How many sidecars, all of which call the service.</param>
    /// <param name="aborts">How often the shift is begun again.</param>
    public static async Task MeasureAsync(int streams, int aborts)
    {
        await using var mesh = await SimulatedMesh.StartAsync(services: 10, endpoints: (streams + 9) / 10);
        await using var run = new MeshopRun(mesh.Kubeconfig);
        await run.StartAsync();
        using var end = new CancellationTokenSource();
        var proxies = await mesh.ProxiesAsync(streams, _ => run.Address, takesAll: true, reports: true, failing: "s5");
        var running = proxies.ConvertAll(proxy => Task.Run(() => proxy.RunAsync(end.Token)));
        await SimulatedMesh.UntilBackAsync(proxies);
        var transport = new KubernetesTransport(mesh.Client, TimeProvider.System);
        await new DynamicClient(transport).ApplyAsync(
            ManifestReader
                .Read(
                    $$"""
                    apiVersion: meshoperator.io/v1alpha1
                    kind: TrafficSplit
                    metadata: {name: {{Split}}, namespace: {{LargeCluster.Namespace}}}
                    spec:
                      service: s3
                      backends: [{service: s4}, {service: s5}]
                      shift:
                        to: s5
                        steps: [{weight: 50, hold: 1h}]
                        checks:
                          - successRate: {min: 99}
                    """
                )
                .Single(),
            CancellationToken.None
        );
        var splits = new EntityClient<TrafficSplit>(transport);
        for (var abort = 1; abort <= aborts; abort++)
        {
            var number = abort;
            await Polling.UntilAsync(() => IsRolledBackAsync(splits, number - 1), () => $"abort {number} is not acknowledged");
            await mesh.Client.CustomObjects.PatchNamespacedCustomObjectAsync(
                new V1Patch(
                    new
                    {
                        metadata = new { annotations = new Dictionary<string, string> { [MeshNames.ShiftAnnotation] = Restart(number) } },
                    },
                    V1Patch.PatchType.MergePatch
                ),
                MeshNames.Group,
                "v1alpha1",
                LargeCluster.Namespace,
                "trafficsplits",
                Split
            );
        }

        Console.WriteLine($"{aborts} aborts, {streams} streams:");
        foreach (Match line in Regex.Matches(await run.ReadMetricsAsync(), "^meshoperator_shift_abort_seconds_.*$", RegexOptions.Multiline))
            Console.WriteLine($"    {line.Value}");
        await end.CancelAsync();
        await Task.WhenAll(running);
    }

    /// <summary>Whether the shift that was begun by a restart has been rolled back, and all sidecars have acknowledged that.</summary>
    private static async Task<bool> IsRolledBackAsync(EntityClient<TrafficSplit> splits, int restart)
    {
        var split = await splits.GetAsync(new(LargeCluster.Namespace, Split), CancellationToken.None);
        return split?.Status?.Shifts is [{ Phase: ShiftPhase.RolledBack, AcknowledgedAt: not null } shift]
            && (restart == 0 || shift.Command == Restart(restart));
    }

    private static string Restart(int number) => string.Create(CultureInfo.InvariantCulture, $"restart s5 {number}");
}
