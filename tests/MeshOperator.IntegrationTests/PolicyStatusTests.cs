using System.Globalization;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

/// <summary>Who is counted in a policy's status, and who is waited for.</summary>
public sealed class PolicyStatusTests(TestCluster cluster)
{
    private const string Split = "model";

    [Fact]
    public async Task A_running_proxy_that_is_not_connected_is_named_and_holds_the_policy()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await ModelAsync("caller-0", "caller-1");
        await using var proxy = await AcknowledgeAsync(mesh, ns, "caller-0");

        await EventuallyAsync(
            ns,
            Programmed("False", "PartiallyProgrammed", "1/2", $"1 of 2 proxies have acknowledged; not connected: {ns.Name}/caller-1 (for ")
        );
        await using var other = await AcknowledgeAsync(mesh, ns, "caller-1");
        await EventuallyAsync(ns, Programmed("True", "Programmed", "2/2", "All 2 of 2 proxies have acknowledged the policy."));
        (await SplitAsync(ns)).Status!.ObservedGeneration.ShouldBe(1);
    }

    [Fact]
    public async Task A_proxy_of_a_pod_that_has_long_been_unready_is_named_and_holds_nothing()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await ModelAsync("caller-0", "sick-0");
        await StatusAsync(ns, "sick-0", Status(unreadySince: TimeProvider.System.GetUtcNow().AddMinutes(-1)));
        await using var proxy = await AcknowledgeAsync(mesh, ns, "caller-0");

        await EventuallyAsync(
            ns,
            Programmed("True", "Programmed", "1/2", $"1 of 2 proxies have acknowledged; not connected: {ns.Name}/sick-0 (for ")
        );
    }

    [Fact]
    public async Task A_pod_that_became_unready_holds_the_policy_until_30_s_have_passed()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await ModelAsync("caller-0", "sick-0");
        await StatusAsync(ns, "sick-0", Status(unreadySince: TimeProvider.System.GetUtcNow().AddSeconds(-24)));
        await using var proxy = await AcknowledgeAsync(mesh, ns, "caller-0");

        await EventuallyAsync(ns, Programmed("False", "PartiallyProgrammed", "1/2", "1 of 2 proxies have acknowledged; not connected"));
        // Nothing else happens: the time alone changes the status.
        await EventuallyAsync(ns, Programmed("True", "Programmed", "1/2", "1 of 2 proxies have acknowledged; not connected"));
    }

    [Fact]
    public async Task A_policy_that_applies_to_no_running_pod_is_unknown()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await ModelAsync("caller-0");
        await EventuallyAsync(ns, Programmed("False", "Pending", "0/1", "0 of 1 proxies have acknowledged; not connected"));

        await StatusAsync(ns, "caller-0", new JsonObject { ["containerStatuses"] = null });
        await EventuallyAsync(ns, Programmed("Unknown", "NoProxies", "0/0", "The policy applies to no running pod with a proxy."));
    }

    [Fact]
    public async Task An_overridden_retry_policy_that_names_no_connect_timeout_has_nothing_left()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await ModelAsync("caller-0");
        await RetryAsync(ns, "service", "Service", "model");
        await RetryAsync(ns, "split", "TrafficSplit", Split);

        await Eventually.Succeeds(async () =>
        {
            var overridden = await cluster
                .Of<RetryPolicy>()
                .GetAsync(new ObjectKey(ns.Name, "service"), TestContext.Current.CancellationToken);
            var condition = overridden!.Status.ShouldNotBeNull().Conditions.Single(c => c.Type == "Programmed");
            (condition.Status, condition.Reason).ShouldBe(("False", "Overridden"), condition.Message);
        });
    }

    [Fact]
    public async Task After_a_restart_an_unchanged_policy_keeps_its_status_and_a_changed_one_waits_for_all()
    {
        var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await ModelAsync("caller-0", "caller-1");
        await using (var first = await AcknowledgeAsync(mesh, ns, "caller-0"))
        await using (var second = await AcknowledgeAsync(mesh, ns, "caller-1"))
        {
            await EventuallyAsync(ns, Programmed("True", "Programmed", "2/2", "All 2 of 2"));
            await mesh.StopAsync();
        }

        var before = await SplitAsync(ns);
        await using var again = await mesh.StartAnotherAsync();
        // The new policy has a status, so the old one was looked at.
        await ns.SplitAsync("other", "model-v1", ("model-v2", 1));
        await EventuallyAsync(ns, Programmed("False", "Pending", "0/2", "0 of 2"), "other");
        await using var back = await AcknowledgeAsync(again, ns, "caller-0");
        await EventuallyAsync(ns, Programmed("False", "PartiallyProgrammed", "1/2", $"not connected: {ns.Name}/caller-1"), "other");
        (await SplitAsync(ns)).Metadata.ResourceVersion.ShouldBe(before.Metadata.ResourceVersion);

        await ns.SplitAsync(Split, "model", ("model-v1", 50), ("model-v2", 50));
        await EventuallyAsync(
            ns,
            split =>
            {
                split.Status!.ObservedGeneration.ShouldBe(2);
                Programmed("False", "Pending", "0/2", "0 of 2")(split);
            }
        );
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

    private static Action<TrafficSplit> Programmed(string status, string reason, string proxies, string message) =>
        split =>
        {
            var condition = split.Status.ShouldNotBeNull().Conditions.Single(c => c.Type == "Programmed");
            (condition.Status, condition.Reason, split.Status.Proxies!.Summary).ShouldBe((status, reason, proxies), condition.Message);
            condition.Message.ShouldContain(message);
        };

    private static JsonObject Status(DateTimeOffset? unreadySince = null) =>
        new()
        {
            ["phase"] = "Running",
            ["conditions"] = new JsonArray(
                new JsonObject
                {
                    ["type"] = "Ready",
                    ["status"] = unreadySince is null ? "True" : "False",
                    ["lastTransitionTime"] = (unreadySince ?? TimeProvider.System.GetUtcNow()).ToString(
                        "yyyy-MM-ddTHH:mm:ssZ",
                        CultureInfo.InvariantCulture
                    ),
                }
            ),
            ["containerStatuses"] = new JsonArray(
                new JsonObject
                {
                    ["name"] = Injection.SidecarInjector.ContainerName,
                    ["image"] = "envoy",
                    ["imageID"] = "envoy",
                    ["ready"] = true,
                    ["restartCount"] = 0,
                    ["state"] = new JsonObject { ["running"] = new JsonObject { ["startedAt"] = "2026-01-01T00:00:00Z" } },
                }
            ),
        };

    private static async Task<DeltaClient> AcknowledgeAsync(TestOperator mesh, TestNamespace ns, string pod)
    {
        var proxy = mesh.Connect($"{pod}.{ns.Name}");
        await proxy.FetchAsync(ResourceType.Route, $"outbound/80/model.{ns.Name}", $"outbound/80/model-v1.{ns.Name}");
        return proxy;
    }

    /// <summary>A split whose callers are pods that run by their status.</summary>
    private async Task<TestNamespace> ModelAsync(params string[] callers)
    {
        var ns = await TestNamespace.CreateAsync(cluster);
        await ns.ServiceAsync("model", root: true);
        await ns.ServiceAsync("model-v1", root: true);
        await ns.ServiceAsync("model-v2", root: true);
        foreach (var caller in callers)
        {
            await cluster.ApplyAsync(
                $$"""
                apiVersion: v1
                kind: Pod
                metadata:
                  name: {{caller}}
                  namespace: {{ns.Name}}
                  labels: {meshoperator.io/proxy: envoy}
                spec:
                  containers: [{name: app, image: app}, {name: "{{Injection.SidecarInjector.ContainerName}}", image: envoy}]
                """
            );
            await StatusAsync(ns, caller, Status());
        }

        await ns.SplitAsync(Split, "model", ("model-v1", 90), ("model-v2", 10));
        // What has a status is served.
        await EventuallyAsync(ns, split => split.Status.ShouldNotBeNull());
        return ns;
    }

    private Task<V1Pod> StatusAsync(TestNamespace ns, string pod, JsonObject status) =>
        cluster.Client.CoreV1.PatchNamespacedPodStatusAsync(
            new V1Patch(new JsonObject { ["status"] = status }.ToJsonString(), V1Patch.PatchType.MergePatch),
            pod,
            ns.Name,
            cancellationToken: TestContext.Current.CancellationToken
        );

    private async Task<TrafficSplit> SplitAsync(TestNamespace ns, string name = Split) =>
        (await cluster.Of<TrafficSplit>().GetAsync(new ObjectKey(ns.Name, name), TestContext.Current.CancellationToken)).ShouldNotBeNull();

    private Task EventuallyAsync(TestNamespace ns, Action<TrafficSplit> assertion, string name = Split) =>
        Eventually.Succeeds(async () => assertion(await SplitAsync(ns, name)));
}
