using System.Text.Json.Nodes;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalCluster.Tests;

public sealed class WorkloadTests(ClusterFixture fixture)
{
    private readonly RunningCluster _cluster = fixture.Cluster;

    [Fact]
    public async Task A_deployment_becomes_running_pods_and_endpoints()
    {
        var name = await fixture.NamespaceAsync();
        await _cluster.CreateAsync($"/apis/apps/v1/namespaces/{name}/deployments", Manifests.Deployment("web", 3));
        await _cluster.CreateAsync($"/api/v1/namespaces/{name}/services", Manifests.Service("web", "web"));

        await Eventually.Succeeds(async () =>
        {
            var endpoints = await EndpointsAsync(name);
            endpoints.Length.ShouldBe(3);
            endpoints.ShouldAllBe(e => (bool)e["conditions"]!["ready"]!);
            endpoints.Select(e => (string)e["addresses"]![0]!).Distinct().Count().ShouldBe(3);
        });
        var slice = (await _cluster.GetAsync($"/apis/discovery.k8s.io/v1/namespaces/{name}/endpointslices")).Body["items"]![0]!;
        slice["ports"]!.ToJsonString().ShouldBe("""[{"name":"http","port":8080,"protocol":"TCP"}]""");
        ((string)slice["metadata"]!["labels"]!["kubernetes.io/service-name"]!).ShouldBe("web");
        var pods = await PodsAsync(name);
        pods.ShouldAllBe(p => ((string)p["status"]!["podIP"]!).StartsWith("127.1."));
        pods.ShouldAllBe(p => p["metadata"]!["labels"]!["pod-template-hash"] != null);
    }

    [Fact]
    public async Task A_new_template_rolls_to_a_new_replica_set_and_the_status_says_when_it_is_done()
    {
        var path = $"/apis/apps/v1/namespaces/{await fixture.NamespaceAsync()}/deployments";
        var name = path.Split('/')[5];
        await _cluster.CreateAsync(path, Manifests.Deployment("web", 2));
        await Eventually.Succeeds(async () => (await PodsAsync(name)).Count(p => (string)p["status"]!["phase"]! == "Running").ShouldBe(2));

        await _cluster.PatchAsync(
            path + "/web",
            "application/strategic-merge-patch+json",
            """{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"nginx:2"}]}}}}"""
        );

        await Eventually.Succeeds(async () =>
        {
            var pods = await PodsAsync(name);
            pods.Length.ShouldBe(2);
            pods.ShouldAllBe(p => (string)p["spec"]!["containers"]![0]!["image"]! == "nginx:2");
            var status = (await _cluster.GetAsync(path + "/web")).Body["status"]!;
            ((int)status["observedGeneration"]!).ShouldBe(2);
            status["conditions"]!.AsArray().ShouldContain(c => (string)c!["reason"]! == "NewReplicaSetAvailable");
        });
        (await _cluster.GetAsync($"/apis/apps/v1/namespaces/{name}/replicasets")).Body["items"]!.AsArray().Count.ShouldBe(2);
    }

    [Theory]
    [InlineData(1, 0, 4, 5)]
    [InlineData(0, 1, 3, 4)]
    [InlineData(2, 1, 3, 6)]
    public async Task A_rollout_keeps_within_surge_and_unavailability(int surge, int unavailable, int fewest, int most)
    {
        var name = await fixture.NamespaceAsync();
        var path = $"/apis/apps/v1/namespaces/{name}/deployments";
        var strategy = $$$"""{"spec":{"strategy":{"rollingUpdate":{"maxSurge":{{{surge}}},"maxUnavailable":{{{unavailable}}} } } } }""";
        await _cluster.CreateAsync(path, Manifests.Deployment("web", 4));
        await _cluster.PatchAsync(path + "/web", "application/merge-patch+json", strategy);
        await Eventually.Succeeds(async () => Available((await _cluster.GetAsync(path + "/web")).Body).ShouldBe(4));
        var version = (string)
            (await _cluster.GetAsync($"/apis/apps/v1/namespaces/{name}/replicasets")).Body["metadata"]!["resourceVersion"]!;
        using var sets = await _cluster.WatchAsync($"/apis/apps/v1/namespaces/{name}/replicasets?watch=1&resourceVersion={version}");

        await _cluster.PatchAsync(
            path + "/web",
            "application/strategic-merge-patch+json",
            """{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"nginx:2"}]}}}}"""
        );

        var sizes = new Dictionary<string, (long Wanted, long Available)> { ["old"] = (4, 4) };
        while (true)
        {
            var (_, set) = (await sets.NextAsync()).ShouldNotBeNull();
            var uid = (string)set["metadata"]!["uid"]!;
            if ((string)set["spec"]!["template"]!["spec"]!["containers"]![0]!["image"]! == "nginx:1")
                uid = "old";
            sizes[uid] = ((long)set["spec"]!["replicas"]!, Available(set));
            sizes.Values.Sum(s => s.Wanted).ShouldBeLessThanOrEqualTo(most);
            sizes.Values.Sum(s => Math.Min(s.Wanted, s.Available)).ShouldBeGreaterThanOrEqualTo(fewest);
            if (sizes["old"].Wanted == 0 && sizes.Values.Sum(s => s.Available) == 4 && sizes["old"].Available == 0)
                break;
        }
    }

    private static long Available(JsonNode owner) => (long?)owner["status"]?["availableReplicas"] ?? 0;

    [Fact]
    public async Task A_stateful_set_numbers_its_pods()
    {
        var name = await fixture.NamespaceAsync();
        var set = Manifests
            .Deployment("db", 3)
            .Replace("\"Deployment\"", "\"StatefulSet\"", StringComparison.Ordinal)
            .Replace("\"replicas\"", "\"serviceName\":\"db\",\"replicas\"", StringComparison.Ordinal);
        await _cluster.CreateAsync($"/apis/apps/v1/namespaces/{name}/statefulsets", set);

        await Eventually.Succeeds(async () =>
            (await PodsAsync(name)).Select(p => (string)p["metadata"]!["name"]!).ShouldBe(["db-0", "db-1", "db-2"])
        );
        await _cluster.PatchAsync(
            $"/apis/apps/v1/namespaces/{name}/statefulsets/db/scale",
            "application/merge-patch+json",
            """{"spec":{"replicas":1}}"""
        );
        await Eventually.Succeeds(async () => (await PodsAsync(name)).Select(p => (string)p["metadata"]!["name"]!).ShouldBe(["db-0"]));
    }

    [Fact]
    public async Task A_stateful_sets_pods_have_a_volume_for_each_of_its_claims()
    {
        var name = await fixture.NamespaceAsync();
        await _cluster.CreateAsync(
            $"/apis/apps/v1/namespaces/{name}/statefulsets",
            """
            {"metadata":{"name":"db"},"spec":{"serviceName":"db","selector":{"matchLabels":{"app":"db"}},
            "volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{"accessModes":["ReadWriteOnce"],
            "resources":{"requests":{"storage":"1Gi"}}}}],
             "template":{"metadata":{"labels":{"app":"db"}},"spec":{"containers":[{"name":"db","image":"db:1",
             "volumeMounts":[{"name":"data","mountPath":"/data"}]}]}}}}
            """
        );
        await Eventually.Succeeds(async () =>
            (await PodsAsync(name)).ShouldHaveSingleItem()["spec"]!["volumes"]!
                .AsArray()
                .Select(v => (string?)v!["persistentVolumeClaim"]?["claimName"])
                .ShouldContain("data-db-0")
        );
    }

    [Fact]
    public async Task A_deleted_pod_is_replaced_and_leaves_the_endpoints()
    {
        var name = await fixture.NamespaceAsync();
        await _cluster.CreateAsync($"/apis/apps/v1/namespaces/{name}/deployments", Manifests.Deployment("web", 1));
        await _cluster.CreateAsync($"/api/v1/namespaces/{name}/services", Manifests.Service("web", "web"));
        await Eventually.Succeeds(async () => (await EndpointsAsync(name)).Length.ShouldBe(1));
        var first = (string)(await PodsAsync(name))[0]["metadata"]!["uid"]!;

        await _cluster.SendAsync(HttpMethod.Delete, $"/api/v1/namespaces/{name}/pods/{(await PodsAsync(name))[0]["metadata"]!["name"]}");

        await Eventually.Succeeds(async () =>
        {
            var endpoints = await EndpointsAsync(name);
            endpoints.Length.ShouldBe(1);
            ((string)endpoints[0]["targetRef"]!["uid"]!).ShouldNotBe(first);
        });
    }

    [Fact]
    public async Task Native_sidecars_run_beside_the_containers()
    {
        var name = await fixture.NamespaceAsync();
        await _cluster.CreateAsync(
            $"/api/v1/namespaces/{name}/pods",
            """
            {"metadata":{"name":"p"},"spec":{"initContainers":[{"name":"proxy","image":"e","restartPolicy":"Always"},{"name":"setup",
            "image":"s"}],"containers":[{"name":"app","image":"x"}]}}
            """
        );

        await Eventually.Succeeds(async () =>
        {
            var status = (await PodsAsync(name))[0]["status"]!;
            status["initContainerStatuses"]![0]!["state"]!["running"].ShouldNotBeNull();
            status["initContainerStatuses"]![1]!["state"]!["terminated"].ShouldNotBeNull();
        });
    }

    [Fact]
    public async Task Without_workload_controllers_objects_stay_as_they_were_written()
    {
        await using var cluster = await RunningCluster.StartAsync(new LocalClusterOptions { WorkloadControllers = false });
        await cluster.CreateAsync("/api/v1/namespaces/default/pods", Manifests.Pod("p"));
        await cluster.CreateAsync("/apis/apps/v1/namespaces/default/deployments", Manifests.Deployment("d", 1));

        ((string)(await cluster.GetAsync("/api/v1/namespaces/default/pods/p")).Body["status"]!["phase"]!).ShouldBe("Pending");
        (await cluster.GetAsync("/api/v1/namespaces/default/pods")).Body["items"]!.AsArray().Count.ShouldBe(1);
        (await cluster.SendAsync(HttpMethod.Delete, "/api/v1/namespaces/default/pods/p")).Code.ShouldBe(200);
        (await cluster.GetAsync("/api/v1/namespaces/default/pods/p")).Code.ShouldBe(404);
    }

    [Fact]
    public async Task It_stays_quick_with_thousands_of_pods()
    {
        await using var cluster = await RunningCluster.StartAsync(new LocalClusterOptions());
        for (var i = 0; i < 50; i++)
        {
            await cluster.CreateAsync("/apis/apps/v1/namespaces/default/deployments", Manifests.Deployment($"d{i}", 20));
            await cluster.CreateAsync("/api/v1/namespaces/default/services", Manifests.Service($"d{i}", $"d{i}"));
        }

        await Eventually.Succeeds(
            async () =>
            {
                var slices = (await cluster.GetAsync("/apis/discovery.k8s.io/v1/endpointslices")).Body["items"]!.AsArray();
                slices.Sum(s => s!["endpoints"]!.AsArray().Count(e => (bool)e!["conditions"]!["ready"]!)).ShouldBe(1001);
            },
            TimeSpan.FromSeconds(60)
        );
    }

    private async Task<JsonNode[]> PodsAsync(string name) =>
        [
            .. (await _cluster.GetAsync($"/api/v1/namespaces/{name}/pods")).Body["items"]!
                .AsArray()
                .OfType<JsonNode>()
                .Where(p => p["metadata"]!["deletionTimestamp"] is null),
        ];

    private async Task<JsonNode[]> EndpointsAsync(string name) =>
        [
            .. (await _cluster.GetAsync($"/apis/discovery.k8s.io/v1/namespaces/{name}/endpointslices")).Body["items"]!
                .AsArray()
                .SelectMany(s => s!["endpoints"]!.AsArray())
                .OfType<JsonNode>(),
        ];
}
