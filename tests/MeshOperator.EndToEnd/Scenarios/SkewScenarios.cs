using System.Net;
using System.Text.Json.Nodes;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Sidecars that an earlier operator injected work with the operator of today, and with sidecars of today.</summary>
public sealed class SkewScenarios(TestMesh mesh) : Scenario(mesh)
{
    /// <summary>The commits whose sidecars are in <c>tests/testdata/sidecars</c>.</summary>
    public static TheoryData<string> Commits { get; } =
        new(Directory.EnumerateFiles(Folder, "*.yaml").Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal)!);

    private static string Folder => Path.Combine(Repository.Root, "tests", "testdata", "sidecars");

    [Theory]
    [MemberData(nameof(Commits))]
    public async Task A_sidecar_of_an_earlier_version_calls_is_called_and_takes_every_policy(string commit)
    {
        Expect("no configured limit to the number of allowed active downstream connections", "sidecars of then had no such limit");
        Expect(@"\[warning\]\[misc\]", "sidecars of today log nothing of this component below an error");
        // Sidecars of then do not report what they count, and a gradual shift of another test would wait for them.
        var shop = await NamespaceAsync("skew", proxies: 4, Turn.Alone);
        await Task.WhenAll(
            shop.DeployAsync(Earlier(commit, "web", shop.Name)),
            shop.DeployAsync(Earlier(commit, "client", shop.Name)),
            shop.DeployAsync("canary"),
            shop.DeployAsync("today", account: "today")
        );
        await shop.WaitUntilProxiesKnowAllAsync();
        var earlier = shop.Workload("client").Client;
        var today = shop.Workload("today").Client;

        await shop.ApplyAsync(
            """
            apiVersion: meshoperator.io/v1alpha1
            kind: MtlsPolicy
            metadata: {name: strict}
            spec: {mode: Strict, deny: [{serviceAccounts: [today], paths: [/secret]}]}
            ---
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: web}
            spec:
              service: web
              backends: [{service: web, weight: 1}, {service: canary, weight: 1}]
            ---
            apiVersion: meshoperator.io/v1alpha1
            kind: RetryPolicy
            metadata: {name: web}
            spec: {targetRefs: [{kind: Service, name: web}], attempts: 2, timeouts: {request: 20s}}
            ---
            apiVersion: meshoperator.io/v1alpha1
            kind: CircuitBreaker
            metadata: {name: web}
            spec: {targetRefs: [{kind: Service, name: web}], maxRequests: 100}
            ---
            apiVersion: meshoperator.io/v1alpha1
            kind: LoadBalancingPolicy
            metadata: {name: web}
            spec: {targetRefs: [{kind: Service, name: web}], method: Random}
            ---
            apiVersion: meshoperator.io/v1alpha1
            kind: RateLimit
            metadata: {name: web}
            spec:
              selector: {matchLabels: {app: web}}
              limits: [{requests: 1, unit: Hour, burst: 1, match: {path: {value: /limited}}}]
            """
        );

        foreach (var caller in new[] { earlier, today })
        {
            var load = await caller.CallAsync("http://web/", callers: 2, requests: 100);
            load.Count(HttpStatusCode.OK).ShouldBe(100, load.ToString());
            load.CountVersion("web").ShouldBeInRange(20, 80);
        }

        await shop.ApplyAsync(
            """
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: web}
            spec: {service: web, backends: [{service: web}]}
            """
        );
        (await today.GetAsync("http://web/secret")).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await earlier.GetAsync("http://web/secret")).Status.ShouldBe(HttpStatusCode.OK);
        (await earlier.GetAsync("http://web/limited")).Status.ShouldBe(HttpStatusCode.OK);
        (await today.GetAsync("http://web/limited")).Status.ShouldBe(HttpStatusCode.TooManyRequests);
    }

    /// <summary>A workload whose pods have the sidecar already, so that the webhook leaves them as they are.</summary>
    private static WorkloadSpec Earlier(string commit, string name, string ns)
    {
        var text = File.ReadAllText(Path.Combine(Folder, commit + ".yaml")).Replace("NAMESPACE", ns, StringComparison.Ordinal);
        var pod = ManifestReader.Read(text).Single();
        var spec = (JsonObject)pod["spec"]!;
        return new WorkloadSpec(name)
        {
            Labels = Texts(pod["metadata"]!["labels"]!),
            Annotations = Texts(pod["metadata"]!["annotations"]!),
            PodSpec = new JsonObject
            {
                ["initContainers"] = spec["initContainers"]!.DeepClone(),
                ["volumes"] = spec["volumes"]!.DeepClone(),
            },
        };
    }

    private static Dictionary<string, string> Texts(JsonNode map) =>
        map.AsObject().ToDictionary(entry => entry.Key, entry => (string)entry.Value!, StringComparer.Ordinal);
}
