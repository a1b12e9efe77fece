using System.Text.Json.Nodes;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Servers that do not answer any more while they are still endpoints of their service, under a RetryPolicy with its
/// defaults.</summary>
public sealed class DeadServerScenarios(TestMesh mesh) : Scenario(mesh)
{
    [Theory]
    [InlineData(8, "POST")]
    [InlineData(16, "GET")]
    [InlineData(64, "POST")]
    public async Task One_of_four_applications_is_dead_and_no_request_fails(int callers, string method)
    {
        var (web, client) = await DeployAsync("dead", replicas: 4);
        await web.Pods[0].Application!.StopAsync(TimeSpan.Zero);

        var load = await client.CallAsync(new HttpMethod(method), "http://web/", callers, requests: 100 * callers);

        load.Failed.ShouldBe(0, $"{load}\n{await RetriesAsync(client.Pod)}");
    }

    [Fact]
    public async Task One_of_two_proxies_is_killed_under_200_requests_a_second_and_none_fails()
    {
        var (web, client) = await DeployAsync("killed", replicas: 2);

        var load = await client.LoadAsync(
            "http://web/",
            rate: 200,
            during: async load =>
            {
                web.Pods[0].Proxy!.Current.Kill();
                await load.GoOnAsync(TimeSpan.FromSeconds(8));
            }
        );

        load.Failed.ShouldBe(0, $"{load}\n{await RetriesAsync(client.Pod)}");
    }

    [Fact]
    public async Task A_service_that_fails_altogether_gets_at_most_half_more_than_its_load()
    {
        var (web, client) = await DeployAsync("all", replicas: 2);
        foreach (var pod in web.Pods)
            await pod.Application!.StopAsync(TimeSpan.Zero);
        var before = await AttemptsAsync(client.Pod);

        var load = await client.LoadAsync("http://web/", rate: 1500, during: load => load.GoOnAsync(TimeSpan.FromSeconds(5)));

        var attempts = await AttemptsAsync(client.Pod) - before;
        TestContext.Current.TestOutputHelper?.WriteLine($"{attempts} attempts of {load}");
        attempts.ShouldBeLessThan((int)(1.5 * load.Total), load.ToString());
    }

    private async Task<(Workload Web, Client Client)> DeployAsync(string name, int replicas)
    {
        var shop = await NamespaceAsync(name, proxies: replicas + 1, Turn.Alone);
        var web = await shop.DeployAsync("web", replicas);
        var client = (await shop.DeployAsync("client")).Client;
        await shop.ApplyAsync(
            "{apiVersion: meshoperator.io/v1alpha1, kind: RetryPolicy, metadata: {name: web}, spec: {targetRefs: [{kind: Service, "
                + "name: web}]}}"
        );
        await Eventually.Succeeds(async () =>
            (await client.RepeatAsync(20, "http://web/")).Select(reply => reply.Pod).Distinct().Count().ShouldBe(replicas)
        );
        return (web, client);
    }

    /// <summary>What a proxy has counted of its retries to the service: tried, over the budget, or used up.</summary>
    private static Task<string> RetriesAsync(RunningPod pod) =>
        pod.Proxy!.AdminAsync(
            "/stats?usedonly&filter=^cluster.outbound/80/.*/web.(upstream_rq_(retry|total|5)|upstream_cx_connect_fail|outlier)"
        );

    /// <summary>How many requests a proxy has sent to the service, retries among them.</summary>
    private static async Task<int> AttemptsAsync(RunningPod pod)
    {
        var stats = JsonNode.Parse(await pod.Proxy!.AdminAsync("/stats?format=json&filter=^cluster.outbound/80/.*upstream_rq_total$"))![
            "stats"
        ]!.AsArray();
        return stats.Sum(stat =>
            ((string?)stat!["name"])?.EndsWith("/web.upstream_rq_total", StringComparison.Ordinal) == true ? (int?)stat["value"] ?? 0 : 0
        );
    }
}
