using System.Net;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>What users of other meshes have reported, tried here; <c>docs/reports.md</c> lists them.</summary>
public sealed class ReportScenarios(TestMesh mesh) : Scenario(mesh)
{
    private const int FailuresUntilEjected = 3;

    /// <remarks>istio/istio 57343: after its first ejection an endpoint got more failures than the policy says before the next.</remarks>
    [Fact]
    public async Task Pod_that_still_fails_after_it_was_ejected_is_ejected_again_after_as_many_failures()
    {
        var shop = await NamespaceAsync("again", proxies: 3);
        var web = await shop.DeployAsync("web", replicas: 2);
        var client = (await shop.DeployAsync("client")).Client;
        await shop.ApplyAsync(
            """
            apiVersion: meshoperator.io/v1alpha1
            kind: CircuitBreaker
            metadata: {name: web}
            spec:
              targetRefs: [{kind: Service, name: web}]
              outlierDetection: {consecutive5xx: 3, interval: 1s, baseEjectionTime: 2s, maxEjectionPercent: 100}
            """
        );
        var broken = web.Pods[0].Name;

        for (var ejection = 0; ejection < 3; ejection++)
        {
            // While it is ejected it gets nothing; then it is back.
            await Eventually.Succeeds(async () => (await client.GetAsync("http://web/")).Pod.ShouldBe(broken));
            var failures = 0;
            List<Reply> replies;
            do
            {
                replies = await client.RepeatAsync(10, "http://web/", $"x-fail-at: {broken}");
                failures += replies.Count(reply => reply.Status != HttpStatusCode.OK);
            } while (replies.Exists(reply => reply.Status != HttpStatusCode.OK));

            // It takes some milliseconds from the last of them until all threads of the proxy know.
            failures.ShouldBeInRange(FailuresUntilEjected, 10 * FailuresUntilEjected, $"at ejection {ejection}");
        }
    }

    /// <remarks>istio/istio 54539: after a rolling restart of a StatefulSet callers were sent to addresses that were gone.</remarks>
    [Fact]
    public async Task Pod_that_is_made_again_under_its_name_is_called_at_its_new_address()
    {
        var shop = await NamespaceAsync("same-name", proxies: 4);
        await shop.DeployAsync("template");
        var client = (await shop.DeployAsync("client")).Client;
        await MakeAsync(shop, "db-0");
        await shop.ServiceAsync("db", "db", headless: false, Port.Http);
        await Eventually.Succeeds(async () => (await client.GetAsync("http://db/")).Status.ShouldBe(HttpStatusCode.OK));

        for (var restart = 0; restart < 3; restart++)
        {
            await Mesh.Entities<V1Pod>().DeleteAsync(new ObjectKey(shop.Name, "db-0"), CancellationToken.None);
            await Eventually.Succeeds(async () =>
                (await Mesh.Entities<V1Pod>().GetAsync(new ObjectKey(shop.Name, "db-0"), CancellationToken.None)).ShouldBeNull()
            );
            await MakeAsync(shop, "db-0");
            await Eventually.Succeeds(async () => (await client.GetAsync("http://db/")).Status.ShouldBe(HttpStatusCode.OK));
            (await client.RepeatAsync(20, "http://db/")).ShouldAllBe(reply => reply.Status == HttpStatusCode.OK);
        }
    }

    /// <remarks>istio/istio 51855: a sidecar that drained closed the connections of what its application still had to call.</remarks>
    [Fact]
    public async Task Application_that_ends_calls_others_over_the_connections_that_it_has()
    {
        var shop = await NamespaceAsync("last-calls", proxies: 2);
        await shop.DeployAsync("web");
        var caller = await shop.DeployAsync(
            new WorkloadSpec("client") { Container = WellBehaved.WaitsBeforeItEnds, PodSpec = WellBehaved.EndsWithin20Seconds }
        );
        var (pod, client) = (caller.Pods[0], caller.Client);
        var load = Load.Open(client, "http://web/", 50);
        await load.ReachesAsync(50);

        await caller.DeletePodAsync(pod);
        await load.GoOnAsync(TimeSpan.FromSeconds(3));
        var last = await client.GetAsync("http://web/");

        (await load.EndAsync()).Failed.ShouldBe(0);
        last.Status.ShouldBe(HttpStatusCode.OK);
        last.Headers.Keys.ShouldNotContain("Connection");
        pod.Ended.IsCompleted.ShouldBeFalse();
    }

    /// <summary>A pod of the workload <c>template</c> under a name of its own, ready.</summary>
    private async Task MakeAsync(TestNamespace shop, string name)
    {
        var template = await Mesh.Entities<V1Deployment>().GetAsync(new ObjectKey(shop.Name, "template"), CancellationToken.None);
        var spec = JsonNode.Parse(KubernetesJson.Serialize(template!.Spec.Template.Spec));
        spec!["nodeName"] = Workloads.NodeName;
        var pod = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Pod",
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["namespace"] = shop.Name,
                ["labels"] = new JsonObject { ["app"] = "db" },
            },
            ["spec"] = spec,
        };
        await Mesh.ApplyAsync(pod.ToJsonString());
        await Eventually.Succeeds(() =>
            Mesh.View.Pods.Objects.ShouldContain(entry => entry.Key == new ObjectKey(shop.Name, name) && entry.Value.IsReady())
        );
    }
}
