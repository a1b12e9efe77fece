using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Faults;

/// <summary>Two operators as processes, on whichever API server the tests run.</summary>
public sealed class LeaderKilledTests(TestCluster cluster)
{
    private const string Lease = "mesh-operator-leader";
    private const int Splits = 10;
    private static readonly TimeSpan Takeover = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task When_the_leader_is_killed_amid_changes_none_is_lost_and_nobody_writes_until_the_other_leads()
    {
        await using var ns = await TestNamespace.CreateAsync(cluster);
        await using var own = await TestNamespace.CreateAsync(cluster);
        await ns.ServiceAsync("model", root: true);
        await ns.ServiceAsync("model-v1");
        for (var i = 0; i < Splits; i++)
            await ns.ServiceAsync($"root{i}", root: true);
        for (var i = 0; i < Splits; i++)
            await ns.SplitAsync($"t{i}", $"root{i}", ("model-v1", 1), ("gone", 1));
        await using var splits = new WatchedWrites(cluster.Transport, $"apis/meshoperator.io/v1alpha1/namespaces/{ns.Name}/trafficsplits");
        await using var leases = new WatchedWrites(cluster.Transport, $"apis/coordination.k8s.io/v1/namespaces/{own.Name}/leases");
        await using var first = OperatorProcess.Start(cluster, own.Name);
        await Eventually.Succeeds(() => AliveAndHolding(first, leases).ShouldNotBeNullOrEmpty(), Takeover);
        var leader = AliveAndHolding(first, leases);
        await using var second = OperatorProcess.Start(cluster, own.Name);
        await EveryStatusIsOfTheLastGenerationAsync(ns);
        await Eventually.Succeeds(() => second.Output.ShouldContain("informers are synced"), Takeover);

        using var stopping = new CancellationTokenSource();
        var changing = ChangeAsync(ns, stopping.Token);
        await Eventually.Succeeds(() => StatusWrites(splits).Count.ShouldBeGreaterThan(3 * Splits), Takeover);
        // Both have been alive during all of these changes. A standby replaces its own report and nothing else.
        (await PatchesAsync(second)).ShouldBe(0, "the standby wrote while the other led");
        (await PatchesAsync(first)).ShouldBeGreaterThan(3 * Splits);
        await first.KillAsync();
        var killed = await VersionNowAsync(ns);
        await Eventually.Succeeds(() => AliveAndHolding(second, leases).ShouldNotBe(leader), Takeover);
        var afterwards = StatusWrites(splits).Count;
        await Eventually.Succeeds(() => StatusWrites(splits).Count.ShouldBeGreaterThan(afterwards + Splits), Takeover);
        await stopping.CancelAsync();
        await changing;

        await EveryStatusIsOfTheLastGenerationAsync(ns);
        var taken = Elections(leases).First(l => l.Version > killed && Holder(l) != leader).Version;
        StatusWrites(splits).Where(w => w.Version > killed && w.Version < taken).ShouldBeEmpty("the standby wrote before it led");
        StatusWrites(splits).ShouldContain(w => w.Version < killed);
        StatusWrites(splits).ShouldContain(w => w.Version > taken);
        Elections(leases).Where(l => l.Version < killed).ShouldAllBe(l => Holder(l) == leader);
        Elections(leases).Where(l => l.Version >= taken).Select(Holder).Distinct().Count().ShouldBe(1);
        foreach (var split in StatusWrites(splits).GroupBy(w => w.Name))
            split.Select(Observed).ShouldBeInOrder(SortDirection.Ascending, $"the status of {split.Key} went back");
    }

    /// <summary>How often an operator has patched an object, by its own metrics.</summary>
    private static async Task<int> PatchesAsync(OperatorProcess process)
    {
        var port = Regex
            .Match(
                process.Output,
                """
                "Metrics":"[^"]*:([0-9]+)"
                """.Trim()
            )
            .Groups[1]
            .Value;
        using var http = new HttpClient();
        var metrics = await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/metrics"), TestContext.Current.CancellationToken);
        var requests = metrics.Split('\n').Where(line => line.StartsWith("meshoperator_api_requests", StringComparison.Ordinal)).ToArray();
        requests.ShouldContain(line => line.Contains("verb=\"GET\"", StringComparison.Ordinal), metrics);
        // Prometheus' text form: name{labels} value timestamp.
        return requests
            .Where(line => line.Contains("verb=\"PATCH\"", StringComparison.Ordinal))
            .Sum(line => int.Parse(line[(line.LastIndexOf('}') + 1)..].Trim().Split(' ')[0], CultureInfo.InvariantCulture));
    }

    private static IEnumerable<WatchedWrite> Elections(WatchedWrites leases) => leases.All.Where(l => l.Name == Lease);

    private static string Holder(WatchedWrite lease) => (string?)lease.Object["spec"]?["holderIdentity"] ?? "";

    private static string AliveAndHolding(OperatorProcess process, WatchedWrites leases)
    {
        if (process.HasExited)
            throw new InvalidOperationException($"meshop run has ended: {process.Output}");
        return Elections(leases).Select(Holder).LastOrDefault() ?? "";
    }

    private static long Observed(WatchedWrite split) =>
        split.Object["status"]!["conditions"]!.AsArray().Max(c => (long)c!["observedGeneration"]!);

    /// <summary>The states in which a split's status differs from its state before.</summary>
    private static List<WatchedWrite> StatusWrites(WatchedWrites splits)
    {
        var before = new Dictionary<string, string>();
        var written = new List<WatchedWrite>();
        foreach (var write in splits.All)
        {
            var status = write.Object["status"]?.ToJsonString() ?? "";
            if (status.Length > 0 && status != before.GetValueOrDefault(write.Name))
                written.Add(write);
            before[write.Name] = status;
        }

        return written;
    }

    private async Task ChangeAsync(TestNamespace ns, CancellationToken stopping)
    {
        for (var i = 0; !stopping.IsCancellationRequested; i++)
        {
            var service = i / Splits % 2 == 0 ? "model-v1" : "gone";
            var patch = (JsonObject)
                JsonNode.Parse($$$"""{"spec":{"backends":[{"service":"{{{service}}}","weight":{{{1 + (i % 100)}}}}]}}""")!;
            await cluster
                .Entities<TrafficSplit>()
                .MergePatchAsync(new ObjectKey(ns.Name, $"t{i % Splits}"), patch, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>The version of a write made now: of everything before it a lower one, of everything after it a higher one.</summary>
    private async Task<long> VersionNowAsync(TestNamespace ns)
    {
        var marker = new V1ConfigMap
        {
            Metadata = new V1ObjectMeta { Name = "now", NamespaceProperty = ns.Name },
        };
        var created = await cluster.Entities<V1ConfigMap>().CreateAsync(marker, TestContext.Current.CancellationToken);
        return long.Parse(created.Metadata.ResourceVersion, CultureInfo.InvariantCulture);
    }

    private Task EveryStatusIsOfTheLastGenerationAsync(TestNamespace ns) =>
        Eventually.Succeeds(
            async () =>
            {
                for (var i = 0; i < Splits; i++)
                {
                    var split = (
                        await cluster
                            .Entities<TrafficSplit>()
                            .GetAsync(new ObjectKey(ns.Name, $"t{i}"), TestContext.Current.CancellationToken)
                    ).ShouldNotBeNull();
                    split.Status.ShouldNotBeNull().Conditions.Count.ShouldBeGreaterThan(0);
                    split.Status.Conditions.ShouldAllBe(c => c.ObservedGeneration == split.Metadata.Generation);
                }
            },
            Takeover
        );
}
