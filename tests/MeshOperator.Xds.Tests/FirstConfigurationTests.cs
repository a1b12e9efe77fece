using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Tests.Support;
using Shouldly;

namespace MeshOperator.Xds.Tests;

/// <summary>Proxies that connect all at once are configured one after the other.</summary>
public sealed class FirstConfigurationTests
{
    [Fact]
    public async Task A_proxy_is_configured_when_the_one_before_it_has_all()
    {
        await using var server = await XdsTestServer.StartAsync(options =>
        {
            options.MaxFirstConfigurations = 1;
            options.FirstConfigurationTurn = TimeSpan.FromMinutes(5);
        });
        await using var first = new DeltaClient(server.Connect(), ShopMesh.Node);
        await first.FetchAsync(ResourceType.Cluster);
        await using var second = new DeltaClient(server.Connect(), "web-1.shop");
        await second.SubscribeAsync(ResourceType.Cluster);
        var answer = second.NextAsync();

        await first.FetchAsync(ResourceType.Endpoints, "outbound/80/web.shop");
        answer.IsCompleted.ShouldBeFalse();
        await first.FetchAsync(ResourceType.Listener);
        (await answer).Resources.ShouldNotBeEmpty();
    }

    [Fact]
    public async Task A_proxy_that_asks_for_its_runtime_values_first_keeps_its_turn_until_it_has_its_listeners()
    {
        await using var server = await XdsTestServer.StartAsync(options =>
        {
            options.MaxFirstConfigurations = 1;
            options.FirstConfigurationTurn = TimeSpan.FromMinutes(5);
        });
        await using var first = new DeltaClient(server.Connect(), ShopMesh.Node);
        var layer = (await first.FetchAsync(ResourceType.Runtime, "mesh-runtime")).Resources.ShouldHaveSingleItem();
        Envoy
            .Service.Runtime.V3.Runtime.Parser.ParseFrom(layer.Resource_.Value)
            .ShouldSatisfyAllConditions(
                runtime => runtime.Name.ShouldBe("mesh-runtime"),
                runtime => runtime.Layer.Fields.ShouldContainKey("overload.premature_reset_total_stream_count")
            );
        await using var second = new DeltaClient(server.Connect(), "web-1.shop");
        await second.SubscribeAsync(ResourceType.Cluster);
        var answer = second.NextAsync();

        await first.FetchAsync(ResourceType.Cluster);
        answer.IsCompleted.ShouldBeFalse();
        await first.FetchAsync(ResourceType.Listener);
        (await answer).Resources.ShouldNotBeEmpty();
    }

    [Fact]
    public async Task A_proxy_that_does_not_go_on_keeps_nobody_waiting_for_long()
    {
        await using var server = await XdsTestServer.StartAsync(options =>
        {
            options.MaxFirstConfigurations = 1;
            options.FirstConfigurationTurn = TimeSpan.FromMilliseconds(100);
        });
        await using var slow = new DeltaClient(server.Connect(), ShopMesh.Node);
        await slow.SubscribeAsync(ResourceType.Cluster);
        await slow.NextAsync();
        await using var second = new DeltaClient(server.Connect(), "web-1.shop");

        (await second.FetchAsync(ResourceType.Cluster)).Resources.ShouldNotBeEmpty();
        (await slow.FetchAsync(ResourceType.Endpoints, "outbound/80/web.shop")).Resources.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_proxy_that_goes_gives_its_turn_away()
    {
        await using var server = await XdsTestServer.StartAsync(options =>
        {
            options.MaxFirstConfigurations = 1;
            options.FirstConfigurationTurn = TimeSpan.FromMinutes(5);
        });
        await using (var first = new DeltaClient(server.Connect(), ShopMesh.Node))
            await first.FetchAsync(ResourceType.Cluster);
        await using var second = new DeltaClient(server.Connect(), "web-1.shop");

        (await second.FetchAsync(ResourceType.Cluster)).Resources.ShouldNotBeEmpty();
    }
}
