using System.Globalization;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using MeshOperator.Xds.Registry;
using MeshOperator.Xds.Resources;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

/// <summary>Who is counted in a policy's status, and who is waited for.</summary>
public sealed class PolicyStatusTests(TestCluster cluster)
{
    [Fact]
    public async Task A_running_proxy_that_is_not_connected_is_named_and_holds_the_policy()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0", "caller-1");
        await using var proxy = await scene.AcknowledgeAsync(mesh, "caller-0");

        await scene.EventuallyAsync(
            SplitScene.Programmed(
                "False",
                "PartiallyProgrammed",
                "1/2",
                $"1 of 2 proxies have acknowledged; not connected: {scene.Name}/caller-1 (for "
            )
        );
        await using var other = await scene.AcknowledgeAsync(mesh, "caller-1");
        await scene.EventuallyAsync(SplitScene.Programmed("True", "Programmed", "2/2", "All 2 of 2 proxies have acknowledged the policy."));
        (await scene.SplitAsync()).Status!.ObservedGeneration.ShouldBe(1);
    }

    [Fact]
    public async Task A_proxy_of_a_pod_that_has_long_been_unready_is_named_and_holds_nothing()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0", "sick-0");
        await scene.StatusAsync("sick-0", SplitScene.Status(unreadySince: TimeProvider.System.GetUtcNow().AddMinutes(-1)));
        await using var proxy = await scene.AcknowledgeAsync(mesh, "caller-0");

        await scene.EventuallyAsync(
            SplitScene.Programmed(
                "True",
                "Programmed",
                "1/2",
                $"1 of 2 proxies have acknowledged; not connected: {scene.Name}/sick-0 (for "
            )
        );
    }

    [Fact]
    public async Task A_pod_that_became_unready_holds_the_policy_until_30_s_have_passed()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0", "sick-0");
        await scene.StatusAsync("sick-0", SplitScene.Status(unreadySince: TimeProvider.System.GetUtcNow().AddSeconds(-24)));
        await using var proxy = await scene.AcknowledgeAsync(mesh, "caller-0");

        await scene.EventuallyAsync(
            SplitScene.Programmed("False", "PartiallyProgrammed", "1/2", "1 of 2 proxies have acknowledged; not connected")
        );
        // Nothing else happens: the time alone changes the status.
        await scene.EventuallyAsync(SplitScene.Programmed("True", "Programmed", "1/2", "1 of 2 proxies have acknowledged; not connected"));
    }

    [Fact]
    public async Task A_rollout_of_100_pods_is_written_to_its_policy_at_most_twice_and_to_others_not_at_all()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0");
        await using var elsewhere = await SplitScene.CreateAsync(cluster, "caller-0");
        await scene.ApplyAsync(Upstreams(scene.Name));
        await elsewhere.ApplyAsync(Upstreams(elsewhere.Name));
        await using var old = await scene.AcknowledgeAsync(mesh, "caller-0");
        await using var other = await elsewhere.AcknowledgeAsync(mesh, "caller-0");
        await scene.EventuallyAsync(SplitScene.Programmed("True", "Programmed", "1/1", "All 1 of 1"));
        await elsewhere.EventuallyAsync(SplitScene.Programmed("True", "Programmed", "1/1", "All 1 of 1"));
        await using var writes = Writes(scene);
        await using var others = Writes(elsewhere);
        await Eventually.Succeeds(() => (writes.All.Count, others.All.Count).ShouldBe((1, 1)));

        var registry = mesh.Host.Services.GetRequiredService<ProxyRegistry>();
        var proxies = new List<DeltaClient>();
        foreach (var pod in Enumerable.Range(0, 100).Select(i => $"new-{i}"))
        {
            await scene.CallerAsync(pod);
            await Eventually.Succeeds(() => registry.IsExpected($"{pod}.{scene.Name}").ShouldBeTrue());
            proxies.Add(await scene.AcknowledgeAsync(mesh, pod));
        }

        await scene.EventuallyAsync(SplitScene.Programmed("True", "Programmed", "101/101", "All 101 of 101"));
        (writes.All.Count - 1).ShouldBeLessThanOrEqualTo(2);
        others.All.Count.ShouldBe(1);
        foreach (var proxy in proxies)
            await proxy.DisposeAsync();
    }

    [Fact]
    public async Task A_policy_that_applies_to_no_running_pod_is_unknown()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0");
        await scene.EventuallyAsync(SplitScene.Programmed("False", "Pending", "0/1", "0 of 1 proxies have acknowledged; not connected"));

        await scene.StatusAsync("caller-0", new JsonObject { ["containerStatuses"] = null });
        await scene.EventuallyAsync(
            SplitScene.Programmed("Unknown", "NoProxies", "0/0", "The policy applies to no running pod with a proxy.")
        );
    }

    [Fact]
    public async Task An_overridden_retry_policy_that_names_no_connect_timeout_has_nothing_left()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0");
        await RetryAsync(scene.Namespace, "service", "Service", "model");
        await RetryAsync(scene.Namespace, "split", "TrafficSplit", SplitScene.Split);

        await Eventually.Succeeds(async () =>
        {
            var overridden = await cluster
                .Entities<RetryPolicy>()
                .GetAsync(new ObjectKey(scene.Name, "service"), TestContext.Current.CancellationToken);
            var condition = overridden!.Status.ShouldNotBeNull().Conditions.Single(c => c.Type == "Programmed");
            (condition.Status, condition.Reason).ShouldBe(("False", "Overridden"), condition.Message);
        });
    }

    [Fact]
    public async Task After_a_restart_an_unchanged_policy_keeps_its_status_and_a_changed_one_waits_for_all()
    {
        var mesh = await TestOperator.StartAsync(cluster);
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0", "caller-1");
        await using (var first = await scene.AcknowledgeAsync(mesh, "caller-0"))
        await using (var second = await scene.AcknowledgeAsync(mesh, "caller-1"))
        {
            await scene.EventuallyAsync(SplitScene.Programmed("True", "Programmed", "2/2", "All 2 of 2"));
            await mesh.StopAsync();
        }

        var before = await scene.SplitAsync();
        await using var again = await mesh.StartAnotherAsync();
        // The new policy has a status, so the old one was looked at.
        await scene.Namespace.SplitAsync("other", "model-v1", ("model-v2", 1));
        await scene.EventuallyAsync(SplitScene.Programmed("False", "Pending", "0/2", "0 of 2"), "other");
        await using var back = await scene.AcknowledgeAsync(again, "caller-0");
        await scene.EventuallyAsync(
            SplitScene.Programmed("False", "PartiallyProgrammed", "1/2", $"not connected: {scene.Name}/caller-1"),
            "other"
        );
        (await scene.SplitAsync()).Metadata.ResourceVersion.ShouldBe(before.Metadata.ResourceVersion);

        await scene.Namespace.SplitAsync(SplitScene.Split, "model", ("model-v1", 50), ("model-v2", 50));
        await scene.EventuallyAsync(split =>
        {
            split.Status!.ObservedGeneration.ShouldBe(2);
            SplitScene.Programmed("False", "Pending", "0/2", "0 of 2")(split);
        });
        await mesh.DisposeAsync();
    }

    private Task RetryAsync(TestNamespace ns, string name, string kind, string target) =>
        cluster.ApplyAsync(
            new JsonObject
            {
                ["apiVersion"] = "meshoperator.io/v1alpha1",
                ["kind"] = "RetryPolicy",
                ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = ns.Name },
                ["spec"] = new JsonObject
                {
                    ["targetRefs"] = new JsonArray(new JsonObject { ["kind"] = kind, ["name"] = target }),
                    ["timeouts"] = new JsonObject { ["request"] = "5s" },
                },
            }.ToJsonString()
        );

    private Faults.WatchedWrites Writes(SplitScene scene) =>
        new(cluster.Transport, $"apis/meshoperator.io/v1alpha1/namespaces/{scene.Name}/trafficsplits");

    /// <summary>Proxies of a namespace are sent its own services only, so that policies of another one are not for them.</summary>
    private static string Upstreams(string ns) =>
        $$"""
            apiVersion: v1
            kind: Namespace
            metadata:
              name: {{ns}}
              annotations:
                meshoperator.io/upstreams: "./*"
            """;
}
