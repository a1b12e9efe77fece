using MeshOperator.Mesh.Model;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Tests.Support;
using Shouldly;

namespace MeshOperator.Xds.Tests;

/// <summary>What the registry reports of a policy, by what proxies have acknowledged and rejected.</summary>
public sealed class AcknowledgementTests
{
    private const string WebRoute = "outbound/80/web.shop";
    private const string ApiRoute = "outbound/8080/api.shop";

    [Fact]
    public async Task A_policy_is_acknowledged_once_every_proxy_that_uses_it_has_it()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var first = new DeltaClient(server.Connect(), ShopMesh.Node);
        await using var second = new DeltaClient(server.Connect(), "web-1.shop");
        await first.FetchAsync(ResourceType.Route, WebRoute);
        await second.FetchAsync(ResourceType.Route, WebRoute);
        await Progress(server, ShopMesh.WebSplit, targeted: 2, acknowledged: 2);

        server.Update(server.Model.WithWebWeights(50, 50));
        await Progress(server, ShopMesh.WebSplit, targeted: 2, acknowledged: 0);
        await first.AcknowledgeAsync(await first.NextAsync());
        await Progress(server, ShopMesh.WebSplit, targeted: 2, acknowledged: 1);
        var seen = server.Registry.Revision;
        await second.AcknowledgeAsync(await second.NextAsync());
        await server.Registry.WaitForChangeAsync(seen, TestContext.Current.CancellationToken);
        await Progress(server, ShopMesh.WebSplit, targeted: 2, acknowledged: 2);
    }

    [Fact]
    public async Task A_policy_waits_for_a_proxy_that_does_not_have_the_listener_of_its_service_yet()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var ready = new DeltaClient(server.Connect(), ShopMesh.Node);
        await ready.FetchAsync(ResourceType.Listener);
        await ready.FetchAsync(ResourceType.Route, WebRoute, ApiRoute);
        await using var late = new DeltaClient(server.Connect(), "web-1.shop");
        await late.FetchAsync(ResourceType.Route, ApiRoute);
        await late.SubscribeAsync(ResourceType.Listener);
        var listeners = await late.NextAsync();
        await Progress(server, ShopMesh.WebSplit, targeted: 2, acknowledged: 1);

        await late.AcknowledgeAsync(listeners);
        await late.FetchAsync(ResourceType.Route, WebRoute);

        await Progress(server, ShopMesh.WebSplit, targeted: 2, acknowledged: 2);
    }

    [Fact]
    public async Task A_rejected_policy_reports_which_proxy_refused_it_and_why_until_it_changes()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        await client.SubscribeAsync(ResourceType.Route, WebRoute, ApiRoute);
        await client.RejectAsync(await client.NextAsync(), $"Error: {WebRoute} has a fault");

        await Eventually.Succeeds(() =>
        {
            var progress = server.Registry.GetProgress(ShopMesh.WebSplit);
            progress.Acknowledged.ShouldBe(0);
            var rejection = progress.Rejected.ShouldHaveSingleItem();
            rejection.NodeId.ShouldBe(ShopMesh.Node);
            rejection.Resource.ShouldBe(WebRoute);
            rejection.Reason.ShouldContain("has a fault");
        });
        server.Registry.GetProxy(ShopMesh.Node)!.Types.ShouldHaveSingleItem().Rejection.ShouldNotBeNull();

        server.Update(server.Model.WithWebWeights(50, 50));
        await client.AcknowledgeAsync(await client.NextAsync());
        await Progress(server, ShopMesh.WebSplit, targeted: 1, acknowledged: 1);
    }

    [Fact]
    public async Task Of_a_long_reason_of_a_rejection_the_beginning_is_kept_and_all_resources_in_it_are_rejected()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        await client.SubscribeAsync(ResourceType.Route, WebRoute, ApiRoute);
        await client.RejectAsync(await client.NextAsync(), $"Error: {new string('x', 100_000)} {WebRoute}");

        await Eventually.Succeeds(() =>
        {
            var rejection = server.Registry.GetProgress(ShopMesh.WebSplit).Rejected.ShouldHaveSingleItem();
            rejection.Resource.ShouldBe(WebRoute);
            rejection.Reason.Length.ShouldBeLessThan(2_000);
        });
    }

    [Fact]
    public async Task An_inbound_policy_counts_only_the_proxies_whose_workload_it_is_for()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var strict = new DeltaClient(server.Connect(), ShopMesh.StrictNode);
        await using var permissive = new DeltaClient(server.Connect(), ShopMesh.Node);
        await permissive.FetchAsync(ResourceType.Listener);
        await strict.FetchAsync(ResourceType.Listener);
        await strict.FetchAsync(ResourceType.Route, "inbound/8080", "inbound/8443");
        await strict.FetchAsync(ResourceType.Secret, "inbound/passthrough/callers");
        await strict.SubscribeAsync(ResourceType.Extension, [.. Filters("inbound/8080"), .. Filters("inbound/8443"), .. BytesFilters]);
        var filters = await strict.NextAsync();
        await Progress(server, ShopMesh.ShopMtls, targeted: 1, acknowledged: 0);
        await strict.AcknowledgeAsync(filters);
        await Progress(server, ShopMesh.ShopMtls, targeted: 1, acknowledged: 1);

        static IEnumerable<string> Filters(string port) => Enumerable.Range(0, 4).Select(slot => $"{port}/limit/{slot}");
    }

    private static readonly string[] BytesFilters =
    [
        "inbound/passthrough/deny",
        "inbound/passthrough/allow",
        "inbound/passthrough/tcp/mtls",
    ];

    [Fact]
    public async Task A_proxy_that_has_gone_counts_no_more()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using (var client = new DeltaClient(server.Connect(), ShopMesh.Node))
        {
            await client.FetchAsync(ResourceType.Route, WebRoute);
            await Progress(server, ShopMesh.WebSplit, targeted: 1, acknowledged: 1);
        }

        await Eventually.Succeeds(() => server.Registry.Count.ShouldBe(0));
        server.Registry.GetProgress(ShopMesh.WebSplit).Targeted.ShouldBe(0);
    }

    [Fact]
    public async Task A_proxy_that_no_longer_subscribes_to_what_carries_a_policy_counts_no_more()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        await client.FetchAsync(ResourceType.Route, WebRoute, ApiRoute);
        await Progress(server, ShopMesh.WebSplit, targeted: 1, acknowledged: 1);

        await client.UnsubscribeAsync(ResourceType.Route, WebRoute);

        await Progress(server, ShopMesh.WebSplit, targeted: 0, acknowledged: 0);
    }

    [Fact]
    public async Task Two_streams_of_one_node_are_served_both_and_the_newer_counts()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var older = new DeltaClient(server.Connect(), ShopMesh.Node);
        await older.FetchAsync(ResourceType.Route, WebRoute);
        await using var newer = new DeltaClient(server.Connect(), ShopMesh.Node);
        await newer.SubscribeAsync(ResourceType.Route, WebRoute);
        var unanswered = await newer.NextAsync();
        await Progress(server, ShopMesh.WebSplit, targeted: 1, acknowledged: 0);

        await newer.AcknowledgeAsync(unanswered);
        await Progress(server, ShopMesh.WebSplit, targeted: 1, acknowledged: 1);
        server.Update(server.Model.WithWebWeights(50, 50));
        (await older.NextAsync()).Resources.ShouldHaveSingleItem().Name.ShouldBe(WebRoute);
        (await newer.NextAsync()).Resources.ShouldHaveSingleItem().Name.ShouldBe(WebRoute);
    }

    private static Task Progress(XdsTestServer server, PolicyKey policy, int targeted, int acknowledged) =>
        Eventually.Succeeds(() =>
            server
                .Registry.GetProgress(policy)
                .ShouldSatisfyAllConditions(
                    progress => progress.Targeted.ShouldBe(targeted),
                    progress => progress.Acknowledged.ShouldBe(acknowledged)
                )
        );
}
