using MeshOperator.Mesh.Model;
using MeshOperator.Testing;
using MeshOperator.Xds.Registry;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Tests.Support;
using Shouldly;

namespace MeshOperator.Xds.Tests;

/// <summary>Proxies that are sent only some services.</summary>
public sealed class ScopeTests
{
    private static MeshModel Scoped(params string[] services) => Scoped(ShopMesh.Model(), services);

    private static MeshModel Scoped(MeshModel model, params string[] services)
    {
        var name = new WorkloadName("shop", "web-0");
        return model with
        {
            Workloads = model.Workloads.SetItem(
                name,
                model.Workloads[name] with
                {
                    Scope = new UpstreamScope([.. services.Select(ShopMesh.Name)]),
                }
            ),
        };
    }

    [Fact]
    public async Task A_proxy_is_sent_the_services_in_its_scope_and_the_backends_to_which_their_routes_lead()
    {
        await using var server = await XdsTestServer.StartAsync();
        server.Update(Scoped("web"));
        await using var scoped = new DeltaClient(server.Connect(), ShopMesh.Node);
        await using var other = new DeltaClient(server.Connect(), "web-1.shop");

        var names = (await scoped.FetchAsync(ResourceType.Cluster)).Resources.Select(r => r.Name).ToList();
        names
            .Where(n => n.StartsWith("outbound/", StringComparison.Ordinal))
            .ShouldBe(["outbound/80/web-v2.shop", "outbound/80/web.shop", "outbound/80/web.shop/mirror"]);
        names.ShouldContain("passthrough");
        names.ShouldContain("inbound/8080");
        (await scoped.FetchAsync(ResourceType.Listener))
            .Resources.Select(r => r.Name)
            .ShouldBe(["inbound", "outbound", "outbound/80/web.shop"], ignoreOrder: true);
        (await other.FetchAsync(ResourceType.Cluster)).Resources.Select(r => r.Name).ShouldContain("outbound/5432/db.shop");
    }

    [Fact]
    public async Task What_changes_outside_of_its_scope_is_not_sent_to_a_proxy()
    {
        await using var server = await XdsTestServer.StartAsync();
        server.Update(Scoped("api"));
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        await client.FetchAsync(ResourceType.Cluster);

        server.Update(server.Model.WithService(ShopMesh.Extra()));
        server.Update(server.Model.WithPort("api", port => port with { Connection = new ConnectionSettings(TimeSpan.FromSeconds(1)) }));
        (await client.NextAsync()).Resources.ShouldHaveSingleItem().Name.ShouldBe("outbound/8443/api.shop");
    }

    [Fact]
    public async Task A_scope_that_changes_adds_and_removes_services()
    {
        await using var server = await XdsTestServer.StartAsync();
        server.Update(Scoped("api"));
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        await client.FetchAsync(ResourceType.Cluster);

        server.Update(Scoped(server.Model, "db"));
        var added = await client.NextAsync();
        added.Resources.Select(r => r.Name).ShouldBe(["outbound/5432/db.shop"]);
        var removed = added.RemovedResources.Count > 0 ? added : await client.NextAsync();
        removed.RemovedResources.ShouldBe(["outbound/8080/api.shop", "outbound/8443/api.shop"], ignoreOrder: true);
    }

    [Fact]
    public async Task A_policy_counts_only_the_proxies_that_are_sent_it()
    {
        await using var server = await XdsTestServer.StartAsync();
        server.Update(Scoped("api"));
        await using var scoped = new DeltaClient(server.Connect(), ShopMesh.Node);
        await using var other = new DeltaClient(server.Connect(), "web-1.shop");
        await scoped.FetchAsync(ResourceType.Route, "outbound/8080/api.shop");
        await other.FetchAsync(ResourceType.Route, "outbound/80/web.shop");

        await Eventually.Succeeds(() =>
        {
            var progress = server.Registry.GetProgress(ShopMesh.WebSplit);
            (progress.Targeted, progress.Acknowledged).ShouldBe((1, 1));
        });
    }

    [Fact]
    public async Task An_expected_proxy_counts_for_the_policies_of_what_it_would_be_sent_and_of_its_own()
    {
        await using var server = await XdsTestServer.StartAsync();
        server.Update(Scoped("api"));
        await using var client = new DeltaClient(server.Connect(), "web-1.shop");
        await client.FetchAsync(ResourceType.Route, "outbound/80/web.shop");
        var (unconnected, connections) = server.Registry.GetUnconnected();
        connections.ShouldBe(server.Registry.Connections);
        unconnected.ShouldNotContain(workload => workload.NodeId == "web-1.shop");
        var scoped = unconnected.Single(workload => workload.NodeId == ShopMesh.Node);

        var inbound = unconnected.Single(workload => workload.NodeId == ShopMesh.StrictNode);

        var expected = new ExpectedProxies(
            [new ExpectedProxy(scoped, DateTimeOffset.UnixEpoch, null), new ExpectedProxy(inbound, DateTimeOffset.UnixEpoch, null)],
            connections
        );
        server.Registry.GetProgress(ShopMesh.ShopMtls, expected).Unconnected.ShouldHaveSingleItem().Workload.ShouldBe(inbound);
        // The other is sent another service only.
        await Eventually.Succeeds(() =>
            server
                .Registry.GetProgress(ShopMesh.WebSplit, expected)
                .ShouldSatisfyAllConditions(
                    progress => progress.Unconnected.ShouldHaveSingleItem().Workload.ShouldBe(inbound),
                    progress => (progress.Targeted, progress.Acknowledged).ShouldBe((2, 1))
                )
        );

        await using var connected = new DeltaClient(server.Connect(), ShopMesh.Node);
        await connected.FetchAsync(ResourceType.Route, "outbound/8080/api.shop");
        await Eventually.Succeeds(() => server.Registry.GetUnconnected().Workloads.ShouldNotContain(scoped));
        server.Registry.Connections.ShouldBeGreaterThan(connections);
    }
}
