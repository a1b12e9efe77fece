using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Testing;

namespace MeshOperator.Benchmarks;

/// <summary>What changes of one object cost, written as fast as a real API server takes them: how soon changes of another namespace reach a
/// proxy meanwhile, and the operator's CPU and memory.</summary>
internal static class EventFlood
{
    private const int Services = 20;
    private const int Endpoints = 2;
    private const string Noisy = "noisy";
    private const string QuietRoute = "outbound/80/s0." + LargeCluster.Namespace;
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan BetweenChanges = TimeSpan.FromMilliseconds(500);

    private const string Objects = """
        apiVersion: v1
        kind: Namespace
        metadata: {name: noisy}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: a, namespace: noisy}
        spec: {ports: [{name: http, port: 80}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: b, namespace: noisy}
        spec: {ports: [{name: http, port: 80}]}
        ---
        apiVersion: meshoperator.io/v1alpha1
        kind: TrafficSplit
        metadata: {name: t, namespace: noisy}
        spec: {service: a, backends: [{service: a, weight: 50}, {service: b, weight: 50}]}
        """;

    /// <summary>Fills the API server, and prints what a calm time, the flood and a calm time after it were like.</summary>
    /// <param name="kubeconfig">The administrator's of a real API server.</param>
    /// <param name="program">The operator's program as it is published.</param>
    /// <param name="length">How long the flood lasts.</param>
    /// <param name="writers">How many write at once.</param>
    public static async Task MeasureAsync(string kubeconfig, string program, TimeSpan length, int writers)
    {
        using var client = await StreamTokens.ConnectAsync(kubeconfig);
        await StreamTokens.FillAsync(kubeconfig, Services, Endpoints);
        var objects = new DynamicClient(new KubernetesTransport(client, TimeProvider.System));
        foreach (var applied in ManifestReader.Read(Objects))
            await objects.ApplyAsync(applied, CancellationToken.None);

        await using var run = new MeshopRun(kubeconfig, program);
        await run.StartAsync();
        await run.UntilReadyAsync();
        using var end = new CancellationTokenSource();
        var arrivals = new ConcurrentDictionary<string, long>(StringComparer.Ordinal);
        var proxy = await ProxyAsync(client, run.Address, name => arrivals[name] = Stopwatch.GetTimestamp());
        var running = Task.Run(() => proxy.RunAsync(end.Token));
        await Polling.UntilAsync(() => Task.FromResult(arrivals.ContainsKey(QuietRoute)), () => "the proxy has no routes");

        await PhaseAsync("calm before", client, run, arrivals, Calm, writers: 0);
        await PhaseAsync("flood", client, run, arrivals, length, writers);
        await PhaseAsync("calm after", client, run, arrivals, Calm, writers: 0);
        await end.CancelAsync();
        await running;
    }

    private static async Task<SimulatedEnvoy> ProxyAsync(k8s.Kubernetes client, Uri address, Action<string> received)
    {
        var roots = new X509Certificate2Collection();
        roots.ImportFromPem(await StreamTokens.RootsAsync(client));
        var pod = await client.CoreV1.ReadNamespacedPodAsync("pod-0", LargeCluster.Namespace);
        var token = await PodToken.IssueAsync(client, pod);
        return new SimulatedEnvoy(address, roots, $"pod-0.{LargeCluster.Namespace}", token, new Random(1))
        {
            TakesAll = true,
            Received = received,
        };
    }

    private static async Task PhaseAsync(
        string name,
        k8s.Kubernetes client,
        MeshopRun run,
        ConcurrentDictionary<string, long> arrivals,
        TimeSpan length,
        int writers
    )
    {
        using var end = new CancellationTokenSource(length);
        var (cpu, memory, began) = (run.Cpu, run.Memory, Stopwatch.GetTimestamp());
        var writing = Enumerable.Range(0, writers).Select(writer => Task.Run(() => WriteAsync(client, writer, end.Token))).ToList();
        var latencies = await ChangeAsync(client, arrivals, end.Token);
        var written = (await Task.WhenAll(writing)).Sum();
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        latencies.Sort();
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{name}: {written / seconds * 60:0} changes a minute of one object; {latencies.Count} changes of another namespace reach "
                    + $"the proxy after {Share(latencies, 0.5):0} ms (median), {Share(latencies, 0.99):0} ms (p99), "
                    + $"{latencies[^1]:0} ms (longest); "
                    + $"the operator takes {(run.Cpu - cpu).TotalSeconds / seconds:0.00} CPUs, and {memory:0} to {run.Memory:0} MiB"
            )
        );
    }

    /// <summary>Changes the weights of the noisy split until it is cancelled.</summary>
    /// <returns>How often.</returns>
    private static async Task<int> WriteAsync(k8s.Kubernetes client, int writer, CancellationToken cancellation)
    {
        for (var i = 0; ; i++)
        {
            if (cancellation.IsCancellationRequested)
                return i;
            var weight = 1 + (((i * 7) + writer) % 99);
            await PatchAsync(client, Noisy, $$"""[{"service": "a", "weight": {{weight}}}, {"service": "b", "weight": {{100 - weight}}}]""");
        }
    }

    /// <summary>Changes the weights of another namespace's split one by one, until it is cancelled.</summary>
    /// <returns>After how many milliseconds each had reached the proxy.</returns>
    private static async Task<List<double>> ChangeAsync(
        k8s.Kubernetes client,
        ConcurrentDictionary<string, long> arrivals,
        CancellationToken cancellation
    )
    {
        var latencies = new List<double>();
        for (var weight = 1; !cancellation.IsCancellationRequested; weight = (weight % 98) + 1)
        {
            arrivals.TryRemove(QuietRoute, out _);
            var began = Stopwatch.GetTimestamp();
            var backends = $$"""[{"service": "s1", "weight": {{weight}}}, {"service": "s2", "weight": {{100 - weight}}}]""";
            await PatchAsync(client, LargeCluster.Namespace, backends);
            await Polling.UntilAsync(() => Task.FromResult(arrivals.ContainsKey(QuietRoute)), () => "a change does not reach the proxy");
            latencies.Add(Stopwatch.GetElapsedTime(began, arrivals[QuietRoute]).TotalMilliseconds);
            await Task.Delay(BetweenChanges, TimeProvider.System, CancellationToken.None);
        }

        return latencies;
    }

    private static Task<object> PatchAsync(k8s.Kubernetes client, string ns, string backends) =>
        client.CustomObjects.PatchNamespacedCustomObjectAsync(
            new V1Patch($$"""{"spec": {"backends": {{backends}} } }""", V1Patch.PatchType.MergePatch),
            MeshNames.Group,
            "v1alpha1",
            ns,
            "trafficsplits",
            "t"
        );

    private static double Share(List<double> ordered, double share) => ordered[(int)Math.Ceiling(share * ordered.Count) - 1];
}
