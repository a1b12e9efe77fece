using Envoy.Config.Core.V3;
using Envoy.Config.Listener.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Envoy.Service.Discovery.V3;
using Google.Protobuf;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Tests.Support;
using Shouldly;

namespace MeshOperator.Xds.Tests;

/// <summary>Streams of clients that are gRPC libraries.</summary>
public sealed class ProxylessStreamTests
{
    private const string Agent = "gRPC Go";
    private const string Library = "library-0.shop";
    private const string WebListener = "web.shop:80";
    private const string WebRoute = "outbound/80/web.shop";

    [Fact]
    public async Task A_library_finds_its_way_from_the_service_that_it_names_to_endpoints()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), Library, agent: Agent);

        var listener = Listener.Parser.ParseFrom(
            (await client.FetchAsync(ResourceType.Listener, WebListener)).Resources.ShouldHaveSingleItem().Resource_.Value
        );
        var manager = HttpConnectionManager.Parser.ParseFrom(listener.ApiListener.ApiListener_.Value);
        manager.HttpFilters.Select(filter => filter.Name).ShouldBe(["envoy.filters.http.fault", "envoy.filters.http.router"]);
        manager.Rds.ConfigSource.ConfigSourceSpecifierCase.ShouldBe(ConfigSource.ConfigSourceSpecifierOneofCase.Ads);
        foreach (
            var (type, name) in new[]
            {
                (ResourceType.Route, manager.Rds.RouteConfigName),
                (ResourceType.Cluster, WebRoute),
                (ResourceType.Endpoints, WebRoute),
            }
        )
        {
            (await client.FetchAsync(type, name)).Resources.ShouldHaveSingleItem().Name.ShouldBe(name);
        }
    }

    [Fact]
    public async Task A_sidecar_is_sent_no_API_listener_while_a_library_is_connected()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var library = new DeltaClient(server.Connect(), Library, agent: Agent);
        await library.FetchAsync(ResourceType.Listener, WebListener);
        await using var sidecar = new DeltaClient(server.Connect(), ShopMesh.Node, agent: "envoy");

        var listeners = (await sidecar.FetchAsync(ResourceType.Listener))
            .Resources.Select(resource => Listener.Parser.ParseFrom(resource.Resource_.Value))
            .ToList();

        listeners.ShouldContain(listener => listener.Name == WebRoute);
        listeners.ShouldAllBe(listener => listener.ApiListener == null);
        (await sidecar.FetchAsync(ResourceType.Listener, WebListener)).Resources.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_library_has_neither_an_inbound_listener_nor_an_identity_even_under_a_workloads_name()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), ShopMesh.StrictNode, agent: Agent);

        (await client.FetchAsync(ResourceType.Listener, "inbound")).RemovedResources.ShouldBe(["inbound"]);
        (await client.FetchAsync(ResourceType.Secret, "identity")).RemovedResources.ShouldBe(["identity"]);
        server.Registry.GetProgress(ShopMesh.ShopMtls).Targeted.ShouldBe(0);
    }

    [Fact]
    public async Task A_policy_counts_the_libraries_that_use_it_by_what_they_were_sent()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var library = new DeltaClient(server.Connect(), Library, agent: Agent);
        await using var other = new DeltaClient(server.Connect(), "library-1.shop", agent: Agent);
        await using var sidecar = new DeltaClient(server.Connect(), ShopMesh.Node);
        await library.FetchAsync(ResourceType.Route, WebRoute);
        await other.FetchAsync(ResourceType.Listener, "api.shop:8443");
        await sidecar.FetchAsync(ResourceType.Route, WebRoute);
        await Progress(server, targeted: 2, acknowledged: 2);

        server.Update(server.Model.WithWebWeights(50, 50));
        var push = await library.NextAsync();
        push.Resources.ShouldHaveSingleItem().Name.ShouldBe(WebRoute);
        await Progress(server, targeted: 2, acknowledged: 0);
        await library.AcknowledgeAsync(push);
        await Progress(server, targeted: 2, acknowledged: 1);
        await sidecar.RejectAsync(await sidecar.NextAsync(), "no");
        await Eventually.Succeeds(() =>
            server.Registry.GetProgress(ShopMesh.WebSplit).Rejected.ShouldHaveSingleItem().NodeId.ShouldBe(ShopMesh.Node)
        );
    }

    [Fact]
    public async Task A_library_with_a_stream_for_each_channel_counts_once_when_all_have_it()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var first = new DeltaClient(server.Connect(), Library, agent: Agent);
        await first.FetchAsync(ResourceType.Route, WebRoute);
        await using (var second = new DeltaClient(server.Connect(), Library, agent: Agent))
        {
            await second.SubscribeAsync(ResourceType.Route, WebRoute);
            var response = await second.NextAsync();
            await Progress(server, targeted: 1, acknowledged: 0);
            await second.AcknowledgeAsync(response);
            await Progress(server, targeted: 1, acknowledged: 1);
            server.Registry.Count.ShouldBe(1);
            server.Registry.GetProxies().Count.ShouldBe(2);
        }

        await Eventually.Succeeds(() => server.Registry.GetProxies().ShouldHaveSingleItem().NodeId.ShouldBe(Library));
        await Progress(server, targeted: 1, acknowledged: 1);
        server.Registry.GetProxy(Library).ShouldNotBeNull().Agent.ShouldBe(Agent);
    }

    [Fact]
    public async Task Everything_a_library_is_sent_is_valid_by_the_official_definitions()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), Library, agent: Agent);
        var clusters = await client.FetchAsync(ResourceType.Cluster);
        var listeners = await client.FetchAsync(ResourceType.Listener);
        var endpoints = await client.FetchAsync(ResourceType.Endpoints, [.. clusters.Resources.Select(resource => resource.Name)]);
        var routes = await client.FetchAsync(
            ResourceType.Route,
            [.. listeners.Resources.Select(resource => Route(Listener.Parser.ParseFrom(resource.Resource_.Value)))]
        );
        routes.Resources.Count.ShouldBe(listeners.Resources.Count);
        var file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".binpb");
        try
        {
            var all = new DeltaDiscoveryResponse();
            foreach (var response in new[] { clusters, listeners, endpoints, routes })
                all.Resources.AddRange(response.Resources);
            await File.WriteAllBytesAsync(file, all.ToByteArray(), TestContext.Current.CancellationToken);

            // Deprecated are total_weight and the header matches that older gRPC does not do without.
            var (status, output) = await XdsCheck.RunAsync("validate", "--from", file, "--strict", "--ignore", "DEPRECATED_FIELD");

            status.ShouldBe(0, output);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Route(Listener listener) =>
        HttpConnectionManager.Parser.ParseFrom(listener.ApiListener.ApiListener_.Value).Rds.RouteConfigName;

    private static Task Progress(XdsTestServer server, int targeted, int acknowledged) =>
        Eventually.Succeeds(() =>
            server
                .Registry.GetProgress(ShopMesh.WebSplit)
                .ShouldSatisfyAllConditions(
                    progress => progress.Targeted.ShouldBe(targeted),
                    progress => progress.Acknowledged.ShouldBe(acknowledged)
                )
        );
}
