using System.Text.Json.Nodes;
using Envoy.Config.Route.V3;
using Envoy.Service.Discovery.V3;
using k8s;
using MeshOperator.Api.Policies;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

public sealed class TrafficSplitTests(TestCluster cluster)
{
    [Fact]
    public async Task A_split_is_programmed_only_when_the_proxy_has_acknowledged_it()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await ModelAsync();
        await EventuallyAsync(ns, "model", Programmed("Unknown", "NoProxies", "0/0"));

        await using var proxy = mesh.Connect($"gateway-0.{ns.Name}");
        var route = $"outbound/80/model.{ns.Name}";
        await proxy.SubscribeAsync(ResourceType.Route, route);
        var first = await proxy.NextAsync();
        Weights(first).ShouldBe([($"outbound/80/model-v1.{ns.Name}", 90u), ($"outbound/80/model-v2.{ns.Name}", 10u)]);
        await EventuallyAsync(ns, "model", Programmed("False", "Pending", "0/1"));
        await proxy.AcknowledgeAsync(first);
        await EventuallyAsync(ns, "model", Programmed("True", "Programmed", "1/1"));

        await ns.SplitAsync("model", "model", ("model-v1", 50), ("model-v2", 50));
        var second = await proxy.NextAsync();
        Weights(second).ShouldBe([($"outbound/80/model-v1.{ns.Name}", 50u), ($"outbound/80/model-v2.{ns.Name}", 50u)]);
        second.Resources.Count.ShouldBe(1);
        await EventuallyAsync(ns, "model", Programmed("False", "Pending", "0/1"));
        await proxy.AcknowledgeAsync(second);
        await EventuallyAsync(
            ns,
            "model",
            split =>
            {
                Programmed("True", "Programmed", "1/1")(split);
                split.Status!.Conditions.ShouldAllBe(c => c.ObservedGeneration == split.Metadata.Generation);
            }
        );
    }

    [Fact]
    public async Task A_proxy_that_refuses_a_split_is_named_with_its_reason()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await ModelAsync();
        await using var proxy = mesh.Connect($"gateway-0.{ns.Name}");
        await proxy.SubscribeAsync(ResourceType.Route, $"outbound/80/model.{ns.Name}");
        await proxy.RejectAsync(await proxy.NextAsync(), "no room for it");

        await EventuallyAsync(
            ns,
            "model",
            split =>
            {
                Programmed("False", "Rejected", "0/1")(split);
                split.Status!.Proxies!.Rejected.ShouldBe(1);
                split
                    .Status.Conditions.Single(c => c.Type == "Programmed")
                    .Message.ShouldContain($"gateway-0.{ns.Name} rejected outbound/80/model.{ns.Name}: no room for it");
            }
        );
    }

    [Fact]
    public async Task A_weight_below_zero_is_refused_by_the_schema()
    {
        await using var ns = await TestNamespace.CreateAsync(cluster);
        var error = await Should.ThrowAsync<KubernetesApiException>(() => ns.SplitAsync("bad", "model", ("model-v1", -1)));
        error.StatusCode.ShouldBe(System.Net.HttpStatusCode.UnprocessableEntity);
        error.Message.ShouldContain("spec.backends[0].weight: Invalid value: -1");
        error.Message.ShouldContain("should be greater than or equal to 0");
    }

    [Fact]
    public async Task An_unknown_field_is_refused()
    {
        await using var ns = await TestNamespace.CreateAsync(cluster);
        var error = await Should.ThrowAsync<KubernetesApiException>(() =>
            cluster.ApplyAsync(
                $$"""
                apiVersion: meshoperator.io/v1alpha1
                kind: TrafficSplit
                metadata: {name: bad, namespace: {{ns.Name}}}
                spec: {service: model, backends: [{service: model-v1, wieght: 10}]}
                """
            )
        );
        error.Message.ShouldContain("unknown field \"spec.backends[0].wieght\"");
    }

    [Fact]
    public async Task What_the_schema_cannot_say_is_refused_with_field_and_fix()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster);
        var error = await Should.ThrowAsync<KubernetesApiException>(() => ns.SplitAsync("bad", "model", ("model-v1", 1), ("model-v1", 2)));
        error.Message.ShouldContain("the backend 'model-v1' is listed twice; list it once, with the sum of the weights");
    }

    [Fact]
    public async Task Rules_in_cel_are_enforced_by_the_api_server_itself()
    {
        Assert.SkipUnless(cluster.IsReal, "the API server in this process does not evaluate CEL: set MESH_TEST_KUBECONFIG");
        await using var ns = await TestNamespace.CreateAsync(cluster);
        var none = await Should.ThrowAsync<KubernetesApiException>(() => ns.SplitAsync("bad", "model", ("model-v1", 0)));
        none.Message.ShouldContain("all weights are 0; set a weight above 0 for at least one backend");
        var both = await Should.ThrowAsync<KubernetesApiException>(() =>
            cluster.ApplyAsync(
                $$"""
                apiVersion: meshoperator.io/v1alpha1
                kind: TrafficSplit
                metadata: {name: bad, namespace: {{ns.Name}}}
                spec: {service: model, backends: [{service: a}], rules: [{backends: [{service: a}]}]}
                """
            )
        );
        both.Message.ShouldContain("set exactly one of spec.backends and spec.rules");
        var unit = await Should.ThrowAsync<KubernetesApiException>(() =>
            cluster.ApplyAsync(
                $$"""
                apiVersion: meshoperator.io/v1alpha1
                kind: RetryPolicy
                metadata: {name: bad, namespace: {{ns.Name}}}
                spec: {targetRefs: [{kind: Service, name: model}], timeouts: {request: "5"} }
                """
            )
        );
        unit.Message.ShouldContain("'5' is not a duration; write a number and a unit, such as 500ms, 10s or 1m30s");
    }

    [Theory]
    [InlineData("{requests: 10, per: {header: x-api-key}, cost: {header: x-tokens} }", null)]
    [InlineData("{requests: 10, per: {identity: serviceAccount}, cost: {requests: 10} }", null)]
    [InlineData("{requests: 10, per: {header: a, identity: serviceAccount} }", "set exactly one of header and identity")]
    [InlineData("{requests: 10, burst: 2, cost: {requests: 3} }", "cost.requests is more than the burst")]
    [InlineData("{requests: 2, cost: {requests: 3} }", "cost.requests is more than the burst")]
    public async Task Clients_and_costs_of_a_limit_are_judged_by_the_api_server_itself(string limit, string? refusal)
    {
        Assert.SkipUnless(cluster.IsReal, "the API server in this process does not evaluate CEL: set MESH_TEST_KUBECONFIG");
        await using var ns = await TestNamespace.CreateAsync(cluster);

        Task ApplyAsync() =>
            cluster.ApplyAsync(
                $$"""
                apiVersion: meshoperator.io/v1alpha1
                kind: RateLimit
                metadata: {name: web, namespace: {{ns.Name}}}
                spec: {targetRefs: [{kind: Service, name: model}], limits: [{{limit}}]}
                """
            );

        if (refusal is null)
            await ApplyAsync();
        else
            (await Should.ThrowAsync<KubernetesApiException>(ApplyAsync)).Message.ShouldContain(refusal);
    }

    [Fact]
    public async Task A_backend_that_does_not_exist_is_named_and_resolves_when_it_comes()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster);
        await ns.ServiceAsync("model", root: true);
        await ns.SplitAsync("model", "model", ("model-v9", 10));
        await EventuallyAsync(
            ns,
            "model",
            split =>
            {
                var condition = Condition(split, "ResolvedRefs");
                (condition.Status, condition.Reason).ShouldBe(("False", "BackendNotFound"));
                condition.Message.ShouldContain($"the service 'model-v9' does not exist in namespace '{ns.Name}'");
            }
        );

        await ns.ServiceAsync("model-v9");
        await EventuallyAsync(ns, "model", split => Condition(split, "ResolvedRefs").Status.ShouldBe("True"));
    }

    [Fact]
    public async Task Of_two_splits_on_one_service_the_younger_says_that_it_lost_and_takes_over_when_the_older_goes()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await ModelAsync();
        await ns.SplitAsync("z-later", "model", ("model-v2", 1));
        await EventuallyAsync(ns, "z-later", split => Condition(split, "Accepted").Reason.ShouldBe("Conflicted"));

        await cluster.Entities<TrafficSplit>().DeleteAsync(new ObjectKey(ns.Name, "model"), CancellationToken.None);
        await EventuallyAsync(ns, "z-later", split => Condition(split, "Accepted").Status.ShouldBe("True"));
    }

    [Fact]
    public async Task Stopping_and_starting_the_operator_loses_nothing()
    {
        // While the operator is away its webhooks would refuse all changes.
        await using var first = await TestOperator.StartAsync(cluster, o => o with { OwnWebhookConfigurations = false });
        await using var ns = await ModelAsync();
        DeltaDiscoveryResponse before;
        await using (var proxy = first.Connect($"gateway-0.{ns.Name}"))
            before = await proxy.FetchAsync(ResourceType.Cluster, $"outbound/80/model-v1.{ns.Name}");
        var roots = first.Host.TrustBundle;
        await first.StopAsync();

        // Changed while nobody looked.
        await ns.ServiceAsync("model-v3");
        await cluster
            .Entities<TrafficSplit>()
            .MergePatchAsync(
                new ObjectKey(ns.Name, "model"),
                (JsonObject)JsonNode.Parse("""{"spec":{"backends":[{"service":"model-v3","weight":1}]}}""")!,
                TestContext.Current.CancellationToken
            );

        await using var second = await first.StartAnotherAsync();
        second.Host.TrustBundle.ShouldBe(roots);
        await using (var proxy = second.Connect($"gateway-0.{ns.Name}"))
        {
            var after = await proxy.FetchAsync(ResourceType.Cluster, $"outbound/80/model-v1.{ns.Name}");
            after.Resources[0].Version.ShouldBe(before.Resources[0].Version);
            var route = await proxy.FetchAsync(ResourceType.Route, $"outbound/80/model.{ns.Name}");
            Weights(route).ShouldBe([($"outbound/80/model-v3.{ns.Name}", 1u)]);
        }

        await EventuallyAsync(
            ns,
            "model",
            split => split.Status!.Conditions.ShouldAllBe(c => c.ObservedGeneration == split.Metadata.Generation)
        );
    }

    [Fact]
    public async Task Of_two_replicas_one_writes_and_the_other_takes_over_when_it_stops()
    {
        await using var first = await TestOperator.StartAsync(
            cluster,
            o => o with { ElectionIdentity = "first", OwnWebhookConfigurations = false }
        );
        await using var ns = await ModelAsync();
        await using var second = await first.StartAnotherAsync(o => o with { ElectionIdentity = "second" });
        second.Host.TrustBundle.ShouldBe(first.Host.TrustBundle);
        await first.StopAsync();

        await ns.SplitAsync("model", "model", ("gone", 1));
        await EventuallyAsync(ns, "model", split => Condition(split, "ResolvedRefs").Status.ShouldBe("False"));
    }

    private static Action<TrafficSplit> Programmed(string status, string reason, string proxies) =>
        split =>
        {
            var condition = Condition(split, "Programmed");
            (condition.Status, condition.Reason, split.Status!.Proxies!.Summary).ShouldBe((status, reason, proxies));
        };

    private static PolicyCondition Condition(TrafficSplit split, string type) =>
        split.Status.ShouldNotBeNull().Conditions.Single(c => c.Type == type);

    private static (string Cluster, uint Weight)[] Weights(DeltaDiscoveryResponse response)
    {
        var action = RouteConfiguration.Parser.ParseFrom(response.Resources[0].Resource_.Value).VirtualHosts[0].Routes[^1].Route_;
        return action.WeightedClusters is { } weighted
            ? [.. weighted.Clusters.Select(c => (c.Name, c.Weight ?? 0))]
            : [(action.Cluster, 1)];
    }

    private async Task<TestNamespace> ModelAsync()
    {
        var ns = await TestNamespace.CreateAsync(cluster);
        await ns.ServiceAsync("gateway");
        await ns.ServiceAsync("model", root: true);
        await ns.ServiceAsync("model-v1", pods: 2);
        await ns.ServiceAsync("model-v2");
        await ns.SplitAsync("model", "model", ("model-v1", 90), ("model-v2", 10));
        // What has a status is served.
        await EventuallyAsync(ns, "model", split => Condition(split, "Accepted").Status.ShouldBe("True"));
        return ns;
    }

    private Task EventuallyAsync(TestNamespace ns, string name, Action<TrafficSplit> assertion) =>
        Eventually.Succeeds(async () =>
            assertion(
                (await cluster.Entities<TrafficSplit>().GetAsync(new ObjectKey(ns.Name, name), CancellationToken.None)).ShouldNotBeNull()
            )
        );
}
