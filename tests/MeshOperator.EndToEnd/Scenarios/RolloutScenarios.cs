using System.Net;
using System.Text.Json.Nodes;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>A rolling restart under load. Ten pods that start are load enough: it has the machine for itself.</summary>
public sealed class RolloutScenarios(TestMesh mesh) : Scenario(mesh)
{
    [Fact]
    public async Task Rolling_restart_of_10_pods_fails_no_request_of_4_seconds()
    {
        var shop = await NamespaceAsync("restart", proxies: 14, Turn.Alone);
        var web = await shop.DeployAsync(
            new WorkloadSpec("web")
            {
                Replicas = 10,
                Container = WellBehaved.WaitsBeforeItEnds,
                PodSpec = WellBehaved.EndsWithin20Seconds,
                Strategy = new JsonObject
                {
                    ["rollingUpdate"] = new JsonObject { ["maxSurge"] = 2, ["maxUnavailable"] = 2 },
                },
            }
        );
        var client = await shop.DeployAsync("client");

        var within = TimeSpan.FromSeconds(150);
        var load = await client.Client.LoadAsync("http://web/", rate: 20, during: _ => web.RestartAsync(within), "x-delay: 4000");

        load.Failed.ShouldBe(0, load.ToString());
        load.Count(HttpStatusCode.OK).ShouldBe(load.Total, load.ToString());
    }
}

/// <summary>How a well-behaved workload ends.</summary>
internal static class WellBehaved
{
    /// <summary>A RetryPolicy with all defaults.</summary>
    public const string Retries = """
        apiVersion: meshoperator.io/v1alpha1
        kind: RetryPolicy
        metadata: {name: web}
        spec: {targetRefs: [{kind: Service, name: web}]}
        """;

    /// <summary>It goes on for a while after it was asked to end, so that everybody has seen that it goes.</summary>
    public static JsonObject WaitsBeforeItEnds { get; } =
        new() { ["lifecycle"] = new JsonObject { ["preStop"] = new JsonObject { ["sleep"] = new JsonObject { ["seconds"] = 5 } } } };

    public static JsonObject EndsWithin20Seconds { get; } = new() { ["terminationGracePeriodSeconds"] = 20 };
}
