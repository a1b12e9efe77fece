using System.Net;
using System.Text.Json.Nodes;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Objects that are as large as the API server takes them.</summary>
public sealed class ExtremeInputScenarios(TestMesh mesh) : Scenario(mesh)
{
    private const int LongestLabel = 63;
    private const int LongestName = 253;

    [Fact]
    public async Task Names_at_their_limits_work_in_every_place()
    {
        // Names of namespaces in these tests end with up to nine characters of their own.
        var shop = await NamespaceAsync(Fill("shop", LongestLabel - 9), proxies: 2);
        shop.Name.Length.ShouldBeInRange(LongestLabel - 4, LongestLabel);
        var web = Fill("web", LongestLabel);
        var account = Fill("server", LongestName);
        await shop.DeployAsync(new WorkloadSpec(web) { Account = account, Version = Fill("v", LongestLabel) });
        var client = await shop.DeployAsync(new WorkloadSpec("client") { Account = Fill("client", LongestName) });
        await shop.ApplyAsync(
            Policy("MtlsPolicy", $"{{mode: Strict, allow: [{{serviceAccounts: [{shop.Name}/{Fill("client", LongestName)}]}}]}}")
        );
        await shop.ApplyAsync(Policy("RetryPolicy", $"{{targetRefs: [{{kind: Service, name: {web}}}]}}"));
        await shop.ApplyAsync(Policy("CircuitBreaker", $"{{targetRefs: [{{kind: Service, name: {web}}}], maxRequests: 100}}"));
        await shop.ApplyAsync(Policy("LoadBalancingPolicy", $"{{targetRefs: [{{kind: Service, name: {web}}}], method: Random}}"));
        await shop.ApplyAsync(Policy("RateLimit", $"{{selector: {{matchLabels: {{app: {web}}}}}, limits: [{{requests: 1000}}]}}"));
        await shop.ApplyAsync(Policy("TrafficSplit", $"{{service: {web}, backends: [{{service: {web}}}]}}"));

        (await client.Client.GetAsync($"http://{web}.{shop.Name}.svc/")).Status.ShouldBe(HttpStatusCode.OK);
    }

    /// <summary>etcd takes objects of up to 1.5 MB.</summary>
    [Fact]
    public async Task Policy_of_a_megabyte_is_in_effect()
    {
        var shop = await NamespaceAsync("large", proxies: 3);
        await shop.DeployAsync("web");
        await shop.DeployAsync("canary");
        var client = await shop.DeployAsync("client");

        await shop.ApplyAsync(Policy("TrafficSplit", LargeSplit().ToJsonString()));

        (await client.Client.GetAsync("http://web/", $"x-large: {Value(14, 15)}")).Pod.ShouldStartWith("canary");
        (await client.Client.GetAsync("http://web/")).Pod.ShouldStartWith("web");
    }

    private static JsonObject LargeSplit()
    {
        var rules = new JsonArray();
        for (var i = 0; i < 15; i++)
        {
            var matches = new JsonArray();
            for (var j = 0; j < 16; j++)
            {
                var header = new JsonObject { ["name"] = "x-large", ["value"] = Value(i, j) };
                matches.Add(new JsonObject { ["headers"] = new JsonArray(header) });
            }

            rules.Add(new JsonObject { ["matches"] = matches, ["backends"] = To("canary") });
        }

        rules.Add(new JsonObject { ["backends"] = To("web") });
        return new JsonObject { ["service"] = "web", ["rules"] = rules };
    }

    private static JsonArray To(string service) => [new JsonObject { ["service"] = service }];

    private static string Value(int rule, int match) => Fill($"{rule}-{match}-", 4096);

    private static string Policy(string kind, string spec)
    {
        var name = Fill(kind.ToLowerInvariant(), LongestName);
        return $"{{apiVersion: meshoperator.io/v1alpha1, kind: {kind}, metadata: {{name: {name}}}, spec: {spec}}}";
    }

    private static string Fill(string begin, int length) => begin + new string('x', length - begin.Length);
}
