using System.Globalization;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Support;

/// <summary>A split, <c>model</c>, whose callers are pods that run by their status; tests say what their proxies do.</summary>
internal sealed class SplitScene : IAsyncDisposable
{
    public const string Split = "model";

    private readonly TestCluster _cluster;

    private SplitScene(TestCluster cluster, TestNamespace ns) => (_cluster, Namespace) = (cluster, ns);

    public TestNamespace Namespace { get; }

    public string Name => Namespace.Name;

    public static async Task<SplitScene> CreateAsync(TestCluster cluster, params string[] callers)
    {
        var ns = await TestNamespace.CreateAsync(cluster);
        var scene = new SplitScene(cluster, ns);
        await ns.ServiceAsync("model", root: true);
        await ns.ServiceAsync("model-v1", root: true);
        await ns.ServiceAsync("model-v2", root: true);
        foreach (var caller in callers)
            await scene.CallerAsync(caller);
        await ns.SplitAsync(Split, "model", ("model-v1", 90), ("model-v2", 10));
        // What has a status is served.
        await scene.EventuallyAsync(split => split.Status.ShouldNotBeNull());
        return scene;
    }

    public static Action<TrafficSplit> Programmed(string status, string reason, string proxies, string message) =>
        split =>
        {
            var condition = split.Status.ShouldNotBeNull().Conditions.Single(c => c.Type == "Programmed");
            (condition.Status, condition.Reason, split.Status.Proxies!.Summary).ShouldBe((status, reason, proxies), condition.Message);
            condition.Message.ShouldContain(message);
        };

    public static JsonObject Status(DateTimeOffset? unreadySince = null) =>
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

    /// <summary>A proxy of a pod that has acknowledged the split.</summary>
    public async Task<DeltaClient> AcknowledgeAsync(TestOperator mesh, string pod)
    {
        var proxy = mesh.Connect($"{pod}.{Name}");
        await proxy.FetchAsync(ResourceType.Route, $"outbound/80/model.{Name}", $"outbound/80/model-v1.{Name}");
        return proxy;
    }

    public async Task CallerAsync(string name)
    {
        await _cluster.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Pod
            metadata:
              name: {{name}}
              namespace: {{Name}}
              labels: {meshoperator.io/proxy: envoy}
            spec:
              containers: [{name: app, image: app}, {name: "{{Injection.SidecarInjector.ContainerName}}", image: envoy}]
            """
        );
        await StatusAsync(name, Status());
    }

    public Task<V1Pod> StatusAsync(string pod, JsonObject status) =>
        _cluster.Client.CoreV1.PatchNamespacedPodStatusAsync(
            new V1Patch(new JsonObject { ["status"] = status }.ToJsonString(), V1Patch.PatchType.MergePatch),
            pod,
            Name,
            cancellationToken: TestContext.Current.CancellationToken
        );

    public async Task<TrafficSplit> SplitAsync(string name = Split) =>
        (
            await _cluster.Entities<TrafficSplit>().GetAsync(new ObjectKey(Name, name), TestContext.Current.CancellationToken)
        ).ShouldNotBeNull();

    public Task ApplyAsync(string manifest) => _cluster.ApplyAsync(manifest);

    /// <summary>Says something to the split's gradual shift.</summary>
    public Task CommandAsync(string command) =>
        _cluster
            .Entities<TrafficSplit>()
            .MergePatchAsync(
                new ObjectKey(Name, Split),
                new JsonObject
                {
                    ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [Api.MeshNames.ShiftAnnotation] = command } },
                },
                TestContext.Current.CancellationToken
            );

    public Task EventuallyAsync(Action<TrafficSplit> assertion, string name = Split) =>
        Eventually.Succeeds(async () => assertion(await SplitAsync(name)));

    public ValueTask DisposeAsync() => Namespace.DisposeAsync();
}
