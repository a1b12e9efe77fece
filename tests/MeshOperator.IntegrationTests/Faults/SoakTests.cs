using System.Diagnostics;
using System.Globalization;
using k8s;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.LocalCluster.Faults;
using MeshOperator.Pipeline;
using MeshOperator.Testing;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;
using Fault = MeshOperator.LocalCluster.Faults.Fault;

namespace MeshOperator.IntegrationTests.Faults;

/// <summary>
/// The whole operator while objects change and faults fire at random. `MESH_TEST_SOAK_SECONDS` says how long (15 by default),
/// `MESH_TEST_SEED` repeats a run's dice. Watches that fall silent are left out: they are found out only after minutes.
/// </summary>
public sealed class SoakTests
{
    private static readonly Fault[] AtRandom =
    [
        Fault.ResetWatch with
        {
            Probability = 0.01,
        },
        Fault.EndWatch with
        {
            Probability = 0.01,
        },
        Fault.ExpireWatch with
        {
            Probability = 0.005,
        },
        Fault.DuplicateEvent with
        {
            Probability = 0.05,
        },
        Fault.OutdatedEvent with
        {
            Probability = 0.05,
        },
        Fault.Answer(410) with
        {
            Verbs = ["watch"],
            Probability = 0.1,
        },
        Fault.Answer(410) with
        {
            ContinuedListsOnly = true,
            Probability = 0.2,
        },
        Fault.Answer(409) with
        {
            Verbs = ["update", "patch"],
            Probability = 0.03,
        },
        Fault.Answer(429, TimeSpan.FromSeconds(1)) with
        {
            Probability = 0.01,
        },
        Fault.Answer(500) with
        {
            Probability = 0.02,
        },
        Fault.Answer(503) with
        {
            Probability = 0.01,
        },
        Fault.Reset with
        {
            Probability = 0.01,
        },
        Fault.Delay(TimeSpan.FromMilliseconds(50)) with
        {
            Probability = 0.02,
        },
        Fault.UnavailableWebhook() with
        {
            Probability = 0.05,
        },
    ];

    [Fact]
    public async Task After_random_changes_and_faults_cache_model_and_proxies_equal_the_cluster()
    {
        var seed = Setting("MESH_TEST_SEED") ?? RandomSeed();
        var duration = TimeSpan.FromSeconds(Setting("MESH_TEST_SOAK_SECONDS") ?? 15);
        TestContext.Current.TestOutputHelper!.WriteLine($"MESH_TEST_SEED={seed}");
        await Console.Out.WriteLineAsync($"soak: MESH_TEST_SEED={seed}, {duration.TotalSeconds:0} s");
        await using var cluster = await TestCluster.StartLocalAsync();
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        var changes = new ChangingMesh(cluster, ns.Name, new Random(seed));
        await changes.FillAsync();
        await using var longConnected = await RecordingProxy.ConnectAsync(mesh.Connect($"old-0.{ns.Name}"), changes.Names);

        var orders = AtRandom
            .Select((fault, i) => cluster.Faults.Order(fault with { Times = int.MaxValue }, new Random(seed + i + 1)))
            .ToArray();
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < duration; )
            await changes.ChangeAsync();
        cluster.Faults.Clear();

        await Console.Out.WriteLineAsync(
            $"soak: {changes.Written} writes, {changes.Refused} refused by faults; fired: "
                + $"{string.Join(", ", orders.Select(o => $"{o.Fault} {o.Fired}"))}"
        );
        await CachesEqualAsync(cluster, mesh);
        await using var fresh = await mesh.StartAnotherAsync(o => o with { OwnWebhookConfigurations = false });
        await Eventually.Succeeds(() => Model(mesh).SequenceEqual(Model(fresh)).ShouldBeTrue("the models differ"), TimeSpan.FromMinutes(1));
        Model(mesh).Length.ShouldBeGreaterThan(100);
        await using var byFresh = await RecordingProxy.ConnectAsync(fresh.Connect($"new-0.{ns.Name}"), changes.Names);
        await using var byOld = await RecordingProxy.ConnectAsync(mesh.Connect($"new-1.{ns.Name}"), changes.Names);
        await Eventually.Succeeds(() =>
        {
            byFresh.State.Length.ShouldBeGreaterThan(100);
            byOld.State.ShouldBe(byFresh.State);
            longConnected.State.ShouldBe(byFresh.State);
        });
        await Eventually.Succeeds(async () =>
        {
            var splits = await cluster.Entities<TrafficSplit>().ListAsync(TestContext.Current.CancellationToken);
            splits.Count.ShouldBeGreaterThan(5);
            splits.ShouldAllBe(s =>
                s.Status != null
                && s.Status.Conditions.Count > 0
                && s.Status.Conditions.All(c => c.ObservedGeneration == s.Metadata.Generation)
            );
        });
        orders.Count(o => o.Fired > 0).ShouldBeGreaterThan(orders.Length / 2, "hardly a fault fired");
    }

    private static async Task CachesEqualAsync(TestCluster cluster, TestOperator mesh)
    {
        await CacheEqualsAsync<V1Service>(cluster, mesh);
        await CacheEqualsAsync<V1EndpointSlice>(cluster, mesh);
        await CacheEqualsAsync<V1Pod>(cluster, mesh);
        await CacheEqualsAsync<TrafficSplit>(cluster, mesh);
        await CacheEqualsAsync<V1Namespace>(cluster, mesh);
    }

    private static Task CacheEqualsAsync<T>(TestCluster cluster, TestOperator mesh)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
        var informer = mesh.Host.Services.GetRequiredService<SharedInformer<T>>();
        return Eventually.Succeeds(
            async () =>
            {
                var listed = Lines(await cluster.Entities<T>().ListAsync(TestContext.Current.CancellationToken));
                var cached = Lines(informer.Objects.Values);
                (cached.Except(listed), listed.Except(cached)).ShouldSatisfyAllConditions(
                    d => d.Item1.ShouldBeEmpty($"the cache of {informer.Resource} has what the cluster has not"),
                    d => d.Item2.ShouldBeEmpty($"the cluster has {informer.Resource} that the cache has not")
                );
            },
            TimeSpan.FromMinutes(1)
        );
    }

    private static string[] Lines<T>(IEnumerable<T> entities)
        where T : IKubernetesObject<V1ObjectMeta> =>
        [.. entities.Select(e => $"{ObjectKey.From(e)}@{e.Metadata.ResourceVersion}").Order(StringComparer.Ordinal)];

    /// <summary>Every service, workload and verdict that an operator has, in order; they are equal by content.</summary>
    private static object[] Model(TestOperator mesh)
    {
        var wanted = mesh.Host.Services.GetRequiredService<MeshPipeline>().Wanted.ShouldNotBeNull();
        return
        [
            .. wanted.Model.Services.Values,
            .. wanted.Model.Workloads.OrderBy(w => w.Key.NodeId, StringComparer.Ordinal).Select(w => w.Value),
            .. wanted.Verdicts.OrderBy(v => v.Key.ToString(), StringComparer.Ordinal).Select(v => (object)(v.Key, v.Value)),
        ];
    }

    private static int? Setting(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : null;

#pragma warning disable RS0030 // A new seed each time; it is printed.
    private static int RandomSeed() => Random.Shared.Next(1_000_000);
#pragma warning restore RS0030
}
