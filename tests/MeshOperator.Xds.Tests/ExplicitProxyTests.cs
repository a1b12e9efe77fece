using MeshOperator.Mesh.Model;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Tests.Support;
using Shouldly;

namespace MeshOperator.Xds.Tests;

/// <summary>Proxies to which nothing is redirected, which their applications call by themselves.</summary>
public sealed class ExplicitProxyTests
{
    private const string Routes = "explicit-proxy/shop";
    private const string Node = "batch-0.shop";

    [Fact]
    public async Task It_is_sent_one_listener_and_its_routes_and_nothing_for_connections_that_arrive()
    {
        await using var server = await StartAsync();
        await using var client = new DeltaClient(server.Connect(), Node);

        (await client.FetchAsync(ResourceType.Listener)).Resources.ShouldHaveSingleItem().Name.ShouldBe("explicit-proxy");
        (await client.FetchAsync(ResourceType.Cluster)).Resources.ShouldAllBe(resource => !resource.Name.StartsWith("inbound"));
        (await client.FetchAsync(ResourceType.Route, Routes)).Resources.ShouldHaveSingleItem().Name.ShouldBe(Routes);
    }

    [Fact]
    public async Task A_changed_weight_is_sent_to_it_and_counts_when_it_has_acknowledged_its_routes()
    {
        await using var server = await StartAsync();
        await using var client = new DeltaClient(server.Connect(), Node);
        await client.FetchAsync(ResourceType.Route, Routes);

        server.Update(server.Model.WithWebWeights(50, 50));
        var push = await client.NextAsync();
        push.Resources.ShouldHaveSingleItem().Name.ShouldBe(Routes);
        server
            .Registry.GetProgress(ShopMesh.WebSplit)
            .ShouldSatisfyAllConditions(p => p.Targeted.ShouldBe(1), p => p.Acknowledged.ShouldBe(0));

        await client.AcknowledgeAsync(push);
        await Eventually.Succeeds(() => server.Registry.GetProgress(ShopMesh.WebSplit).Acknowledged.ShouldBe(1));
    }

    private static async Task<XdsTestServer> StartAsync()
    {
        var server = await XdsTestServer.StartAsync();
        var workload = ShopMesh.Workload("batch-0", "batch", InboundProfile.Nothing) with
        {
            ExplicitProxy = new ExplicitProxySettings("127.0.0.1", []),
        };
        server.Update(server.Model with { Workloads = server.Model.Workloads.Add(workload.Name, workload) });
        return server;
    }
}
