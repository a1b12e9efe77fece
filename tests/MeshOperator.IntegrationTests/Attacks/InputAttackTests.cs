using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.IntegrationTests.Faults;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Attacks;

/// <summary>A namespace whose users write what they may, as much and as often as they can.</summary>
public sealed class InputAttackTests
{
    /// <summary>Of each kind.</summary>
    private const int Writes = 4_000;
    private const int Rounds = 10;

    [Fact]
    public async Task Objects_that_change_without_end_neither_delay_others_nor_are_written_to_for_each_change()
    {
        await using var cluster = await TestCluster.StartLocalAsync();
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var quiet = await SplitScene.CreateAsync(cluster, "caller-0");
        await using var noisy = await SplitScene.CreateAsync(cluster, "caller-0");
        await noisy.Namespace.ServiceAsync("api");
        await using var proxy = await quiet.AcknowledgeAsync(mesh, "caller-0");
        await using var writes = new WatchedWrites(
            cluster.Transport,
            $"/apis/meshoperator.io/v1alpha1/namespaces/{noisy.Name}/trafficsplits"
        );

        var clock = Stopwatch.StartNew();
        var storm = Task.WhenAll(
            StormAsync<TrafficSplit>(cluster, new ObjectKey(noisy.Name, SplitScene.Split), Weight),
            StormAsync<V1EndpointSlice>(cluster, new ObjectKey(noisy.Name, "api-1"), Ready),
            StormAsync<V1Pod>(cluster, new ObjectKey(noisy.Name, "api-0"), Label)
        );
        var slowest = TimeSpan.Zero;
        var rounds = 0;
        while (!storm.IsCompleted)
        {
            var began = clock.Elapsed;
            await quiet.Namespace.SplitAsync(SplitScene.Split, "model", ("model-v1", 1 + rounds), ("model-v2", 1000));
            (await proxy.NextAsync()).Resources.ShouldHaveSingleItem().Name.ShouldBe($"outbound/80/model.{quiet.Name}");
            slowest = clock.Elapsed - began > slowest ? clock.Elapsed - began : slowest;
            rounds++;
        }

        await storm;
        var lasted = clock.Elapsed;
        await noisy.EventuallyAsync(split => split.Status!.ObservedGeneration.ShouldBe(split.Metadata.Generation));
        var statuses = writes.All.Select(write => (long?)write.Object["status"]?["observedGeneration"]).Distinct().Count();
        TestContext.Current.TestOutputHelper!.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{3 * Writes} events in {lasted.TotalSeconds:0.0} s, {rounds} changes of others meanwhile, the slowest took "
                    + $"{slowest.TotalMilliseconds:0} ms; {statuses} statuses"
            )
        );
        rounds.ShouldBeGreaterThan(Rounds);
        slowest.ShouldBeLessThan(TimeSpan.FromSeconds(5));
        statuses.ShouldBeLessThan(10 + (int)lasted.TotalSeconds);
    }

    /// <summary>Writes to an object as fast as the API server takes it.</summary>
    private static async Task StormAsync<T>(TestCluster cluster, ObjectKey key, Func<int, JsonObject> change)
        where T : k8s.IKubernetesObject<V1ObjectMeta>
    {
        var client = cluster.Entities<T>();
        for (var i = 0; i < Writes; i++)
        {
            try
            {
                await client.MergePatchAsync(key, change(i), TestContext.Current.CancellationToken);
            }
            catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
            {
                // The operator has written at the same moment.
            }
        }
    }

    private static JsonObject Weight(int i) =>
        new()
        {
            ["spec"] = new JsonObject
            {
                ["backends"] = new JsonArray(
                    new JsonObject { ["service"] = "model-v1", ["weight"] = 1 + i },
                    new JsonObject { ["service"] = "model-v2", ["weight"] = 10_000 }
                ),
            },
        };

    private static JsonObject Ready(int i) =>
        new()
        {
            ["endpoints"] = new JsonArray(
                new JsonObject
                {
                    ["addresses"] = new JsonArray("10.1.0.1"),
                    ["conditions"] = new JsonObject { ["ready"] = i % 2 == 0 },
                    ["targetRef"] = new JsonObject { ["kind"] = "Pod", ["name"] = "api-0" },
                }
            ),
        };

    private static JsonObject Label(int i) =>
        new() { ["metadata"] = new JsonObject { ["labels"] = new JsonObject { ["version"] = $"v{i}" } } };
}
