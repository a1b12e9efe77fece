using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.Manifests;
using Microsoft.Extensions.Logging.Abstractions;

namespace MeshOperator.Benchmarks;

/// <summary>What several replicas cost while policies change: the leader's writes of statuses, and each replica's CPU and memory.</summary>
internal static class ReplicaCost
{
    private const int ChangesPerSecond = 10;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(15);

    /// <summary>Prints it.</summary>
    /// <param name="streams">How many sidecars, spread over the replicas.</param>
    /// <param name="policies">How many policies, each of which concerns the pods of one service.</param>
    /// <param name="replicas">How many <c>meshop run</c>.</param>
    public static async Task MeasureAsync(int streams, int policies, int replicas)
    {
        await using var mesh = await SimulatedMesh.StartAsync(policies, (streams + policies - 1) / policies);
        var transport = new KubernetesTransport(mesh.Client, TimeProvider.System);
        // All are sent one service, so that the clients' share of this machine stays small.
        await mesh.Client.CoreV1.PatchNamespaceAsync(
            new V1Patch("""{"metadata":{"annotations":{"meshoperator.io/upstreams":"s0"}}}""", V1Patch.PatchType.MergePatch),
            LargeCluster.Namespace
        );
        var objects = new DynamicClient(transport);
        for (var i = 0; i < policies; i++)
            await objects.ApplyAsync(Policy(i), CancellationToken.None);
        var runs = Enumerable.Range(0, replicas).Select(_ => new MeshopRun(mesh.Kubeconfig)).ToList();
        foreach (var run in runs)
            await run.StartAsync();
        var proxies = await mesh.ProxiesAsync(streams, i => runs[i % replicas].Address, takesAll: true);
        using var end = new CancellationTokenSource();
        var statuses = new Statuses(transport, end.Token);
        var (before, connected) = (runs.ConvertAll(run => run.Cpu), Stopwatch.GetTimestamp());
        var running = proxies.ConvertAll(proxy => Task.Run(() => proxy.RunAsync(end.Token)));
        await SimulatedMesh.UntilBackAsync(proxies);
        await statuses.AreTrueAsync(Enumerable.Range(0, policies).ToDictionary(Name, _ => 1L));
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"all streams connect, statuses true after {Stopwatch.GetElapsedTime(connected).TotalSeconds:0.0} s: "
            )
                + string.Join(
                    ", ",
                    runs.Select((run, i) => string.Create(CultureInfo.InvariantCulture, $"{(run.Cpu - before[i]).TotalSeconds:0.0} s"))
                )
        );
        Report($"{streams} streams, {policies} policies, {replicas} replicas, idle", runs, await CpuAsync(runs, Idle));
        statuses.Begin();
        var changed = new Dictionary<string, long>();
        var cpu = runs.ConvertAll(run => run.Cpu);
        var began = Stopwatch.GetTimestamp();
        var client = new EntityClient<MtlsPolicy>(transport);
        for (var i = 0; Stopwatch.GetElapsedTime(began) < Window; i++)
        {
            var name = Name(i % policies);
            var patch = (JsonObject)JsonNode.Parse("""{"spec":{"mode":"Strict"}}""")!;
            var patched = await client.MergePatchAsync(new ObjectKey(LargeCluster.Namespace, name), patch, CancellationToken.None);
            changed[name] = patched.Metadata.Generation ?? 0;
            statuses.Changed(name);
            var due = TimeSpan.FromSeconds((i + 1.0) / ChangesPerSecond) - Stopwatch.GetElapsedTime(began);
            if (due > TimeSpan.Zero)
                await Task.Delay(due, TimeProvider.System);
        }

        await statuses.AreTrueAsync(changed);
        var used = runs.Select((run, i) => (run.Cpu - cpu[i]).TotalSeconds / Window.TotalSeconds).ToList();
        Report($"{changed.Count} policies changed in {Window.TotalSeconds} s", runs, used);
        Console.WriteLine(statuses.Summary(changed.Keys));
        await end.CancelAsync();
        await Task.WhenAll(running);
        foreach (var run in runs)
            await run.DisposeAsync();
    }

    private static async Task<List<double>> CpuAsync(List<MeshopRun> runs, TimeSpan time)
    {
        var before = runs.ConvertAll(run => run.Cpu);
        await Task.Delay(time, TimeProvider.System);
        return [.. runs.Select((run, i) => (run.Cpu - before[i]).TotalSeconds / time.TotalSeconds)];
    }

    private static void Report(string what, List<MeshopRun> runs, List<double> cores)
    {
        var each = runs.Select((run, i) => string.Create(CultureInfo.InvariantCulture, $"{cores[i]:0.000} cores and {run.Memory:0} MiB"));
        Console.WriteLine($"{what}: {string.Join(", ", each)}");
    }

    private static string Name(int policy) => string.Create(CultureInfo.InvariantCulture, $"p{policy}");

    private static JsonObject Policy(int policy) =>
        ManifestReader
            .Read(
                $$"""
                apiVersion: meshoperator.io/v1alpha1
                kind: MtlsPolicy
                metadata: {name: {{Name(policy)}}, namespace: {{LargeCluster.Namespace}}}
                spec: {mode: Permissive, selector: {matchLabels: {app: s{{policy}} } } }
                """
            )
            .Single();

    /// <summary>Follows the statuses of all policies.</summary>
    private sealed class Statuses
    {
        private readonly ConcurrentDictionary<string, int> _writes = new();
        private readonly ConcurrentDictionary<string, (long Generation, bool IsTrue)> _present = new();
        private readonly ConcurrentDictionary<string, long> _changedAt = new();
        private readonly ConcurrentDictionary<string, TimeSpan> _trueAfter = new();

        public Statuses(KubernetesTransport transport, CancellationToken end)
        {
            var informer = new SharedInformer<MtlsPolicy>(
                transport,
                new InformerOptions<MtlsPolicy>(),
                TimeProvider.System,
                new Random(1),
                NullLogger<SharedInformer<MtlsPolicy>>.Instance
            );
            informer.Changed += change =>
            {
                if (change.New is { } policy)
                    See(policy, change.Old);
            };
            _ = informer.RunAsync(end);
        }

        public void Begin() => _writes.Clear();

        public void Changed(string name) => _changedAt[name] = Stopwatch.GetTimestamp();

        public Task AreTrueAsync(Dictionary<string, long> generations) =>
            Polling.UntilAsync(
                () =>
                    Task.FromResult(
                        generations.All(wanted =>
                            _present.TryGetValue(wanted.Key, out var now) && now.IsTrue && now.Generation >= wanted.Value
                        )
                    ),
                () => "policies are not programmed"
            );

        public string Summary(IEnumerable<string> changed)
        {
            var writes = changed.Select(name => _writes.GetValueOrDefault(name)).Order().ToList();
            var after = _trueAfter.Values.Select(time => time.TotalSeconds).Order().ToList();
            return string.Create(
                CultureInfo.InvariantCulture,
                $"status writes for each changed policy: mean {writes.Average():0.00}, most {writes[^1]}; true after p50 "
                    + $"{after[after.Count / 2]:0.00} s, p99 {after[(int)((after.Count - 1) * 0.99)]:0.00} s; "
                    + $"writes of others: {_writes.Where(w => !_changedAt.ContainsKey(w.Key)).Sum(w => w.Value)}"
            );
        }

        private void See(MtlsPolicy policy, MtlsPolicy? before)
        {
            var name = policy.Metadata.Name;
            if (before is not null && before.Metadata.Generation == policy.Metadata.Generation)
                _writes.AddOrUpdate(name, 1, (_, count) => count + 1);
            var condition = policy.Status?.Conditions.Find(c => c.Type == "Programmed");
            var isTrue = condition?.Status == "True" && condition.ObservedGeneration == policy.Metadata.Generation;
            _present[name] = (policy.Metadata.Generation ?? 0, isTrue);
            if (isTrue && _changedAt.TryGetValue(name, out var at))
                _trueAfter.TryAdd(name, Stopwatch.GetElapsedTime(at));
        }
    }
}
