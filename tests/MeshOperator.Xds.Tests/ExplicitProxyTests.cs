using Envoy.Config.Route.V3;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Mesh.Model;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Tests.Support;
using MeshOperator.Xds.Translation;
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

    [Theory]
    [InlineData(100, 1, 100)]
    [InlineData(1_200, 1, 1_000)]
    [InlineData(1_200, 10, 100)]
    public void Pods_of_a_headless_service_have_names_as_far_as_their_routes_go(int pods, int routes, int named)
    {
        var hosts = Translate(Headless(pods, routes)).VirtualHosts.Where(host => host.Metadata is not null).ToList();

        hosts.Count.ShouldBe(named);
        hosts[0].Name.ShouldBe("peers-0.peers.shop:7000");
        hosts[^1].Name.ShouldBe($"peers-{named - 1}.peers.shop:7000");
    }

    [Fact]
    public void A_pod_of_a_headless_service_adds_at_most_600_bytes_to_the_routes()
    {
        var (few, many) = (Translate(Headless(1, 1)).CalculateSize(), Translate(Headless(101, 1)).CalculateSize());

        ((many - few) / 100).ShouldBeLessThan(600);
    }

    [Fact]
    public void A_pods_name_takes_precedence_over_a_service_that_another_namespace_has_by_the_same_one()
    {
        var other = new ServiceName("peers", "peers-0");
        var port = ShopMesh.Model().Services[new ServiceName("shop", "web-v2")].Ports[0] with { Service = other, Port = 7000 };
        var model = Headless(1, 1);

        var routes = Translate(model with { Services = model.Services.Add(other, new MeshService(other, [port])) });

        routes.VirtualHosts.Single(host => host.Domains.Contains("peers-0.peers:7000")).Name.ShouldBe("peers-0.peers.shop:7000");
        routes.VirtualHosts.Single(host => host.Domains.Contains("peers-0.peers.svc:7000")).Name.ShouldBe("peers-0.peers:7000");
    }

    /// <summary>The mesh with this many pods behind the service <c>peers</c>, each with a host name.</summary>
    private static MeshModel Headless(int pods, int routes)
    {
        var model = WithExplicitProxy(ShopMesh.Model());
        var name = new ServiceName("shop", "peers");
        var port = model.Services[name].Ports[0];
        var changed = port with
        {
            Endpoints =
            [
                .. Enumerable
                    .Range(0, pods)
                    .Select(i => new MeshEndpoint($"10.1.{i / 250}.{i % 250}", 7000, port.Endpoints[0].Identity, null)
                    {
                        Hostname = $"peers-{i}",
                    }),
            ],
            Routes = [.. Enumerable.Range(0, routes).Select(i => port.Routes[^1] with { Name = $"route-{i}" })],
        };
        return model with { Services = model.Services.SetItem(name, new MeshService(name, [changed])) };
    }

    private static RouteConfiguration Translate(MeshModel model)
    {
        var scopes = new EnvoyTranslator().Translate(model).Scopes;
        var routes = scopes.Single(scope => scope.Key.Explicit is not null).Value[(int)ResourceType.Route].Find(Routes)!;
        return routes.Read(RouteConfiguration.Parser);
    }

    private static async Task<XdsTestServer> StartAsync()
    {
        var server = await XdsTestServer.StartAsync();
        server.Update(WithExplicitProxy(server.Model));
        return server;
    }

    private static MeshModel WithExplicitProxy(MeshModel model)
    {
        var workload = ShopMesh.Workload("batch-0", "batch", InboundProfile.Nothing) with
        {
            ExplicitProxy = new ExplicitProxySettings("127.0.0.1", []),
        };
        return model with { Workloads = model.Workloads.Add(workload.Name, workload) };
    }
}
