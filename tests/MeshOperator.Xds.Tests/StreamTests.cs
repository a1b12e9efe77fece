using Envoy.Config.Endpoint.V3;
using Envoy.Service.Discovery.V3;
using Grpc.Core;
using MeshOperator.Api;
using MeshOperator.Mesh.Model;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Server;
using MeshOperator.Xds.Tests.Support;
using Shouldly;

namespace MeshOperator.Xds.Tests;

public sealed class StreamTests
{
    private const string WebRoute = "outbound/80/web.shop";
    private const string ApiRoute = "outbound/8080/api.shop";

    [Fact]
    public async Task A_changed_weight_sends_one_route_to_those_who_use_it_and_nothing_else()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var user = new DeltaClient(server.Connect(), ShopMesh.Node);
        await using var other = new DeltaClient(server.Connect(), "web-1.shop");
        await user.FetchAsync(ResourceType.Cluster);
        await user.FetchAsync(ResourceType.Route, WebRoute, ApiRoute);
        await other.FetchAsync(ResourceType.Route, ApiRoute);

        server.Update(server.Model.WithWebWeights(50, 50));
        var push = await user.NextAsync();
        push.Resources.ShouldHaveSingleItem().Name.ShouldBe(WebRoute);

        // Whatever comes next is of the next change: neither got anything else before.
        server.Update(server.Model.WithPort("api", port => port));
        server.Update(server.Model.WithService(ApiWithTimeout(server.Model)));
        (await user.NextAsync()).Resources.ShouldHaveSingleItem().Name.ShouldBe(ApiRoute);
        (await other.NextAsync()).Resources.ShouldHaveSingleItem().Name.ShouldBe(ApiRoute);
    }

    [Theory]
    [InlineData(40u, true)]
    [InlineData(39u, true)]
    [InlineData(38u, false)]
    [InlineData(null, false)]
    public async Task Only_proxies_that_can_measure_first_bytes_are_sent_listeners_that_do(uint? minor, bool measures)
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node, minor: minor);
        var before = await client.FetchAsync(ResourceType.Listener);

        server.Update(server.Model.WithPort("web", WithFirstBytes));
        // The next change of a listener is the next answer where the first one changed none.
        server.Update(server.Model.WithoutService("legacy"));
        var pushes = new List<DeltaDiscoveryResponse>();
        do pushes.Add(await client.NextAsync());
        while (pushes[^1].RemovedResources.Count == 0);

        var web = before.Resources.Single(resource => resource.Name == WebRoute).Version;
        pushes.SelectMany(push => push.Resources).Any(resource => resource.Name == WebRoute && resource.Version != web).ShouldBe(measures);
    }

    private static MeshServicePort WithFirstBytes(MeshServicePort port) =>
        port with
        {
            Routes = port
                .Routes.Select(route => route with { Shift = new ShiftName("web", "backends"), MeasuresFirstByte = true })
                .ToValueList(),
        };

    [Fact]
    public async Task A_change_wakes_only_the_streams_that_it_concerns()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var changed = new DeltaClient(server.Connect(), ShopMesh.Node);
        await using var other = new DeltaClient(server.Connect(), "web-1.shop");
        await changed.FetchAsync(ResourceType.Listener);
        await other.FetchAsync(ResourceType.Listener);
        // A stream that takes an acknowledgement looks at what is served by itself, and need not be woken.
        await Eventually.Succeeds(() =>
            server.Registry.GetProxies().SelectMany(proxy => proxy.Types).Count(type => type.IsSynced).ShouldBe(2)
        );

        server.Update(server.Model).ShouldBe(0);
        server.Update(WithMode(server.Model, MtlsMode.Strict)).ShouldBe(1);
        (await changed.NextAsync()).Resources.ShouldHaveSingleItem().Name.ShouldBe("inbound");
        server.Update(server.Model.WithWebWeights(50, 50)).ShouldBe(2);
    }

    [Fact]
    public async Task However_fast_a_workload_is_changed_back_and_forth_its_proxy_ends_with_the_last_of_it()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        await client.FetchAsync(ResourceType.Listener);
        var (open, strict) = (WithMode(server.Model, MtlsMode.Permissive), WithMode(server.Model, MtlsMode.Strict));
        for (var i = 0; i < 300; i++)
            server.Update(i % 2 == 0 ? strict : open);

        // One more than the client can have been sent by chance.
        server.Update(strict);
        var wanted = server.Cache.Current!.Nodes.Values.Single(n => n.Workload.NodeId == ShopMesh.Node).Own[ResourceType.Listener].Items[0];
        var last = "";
        while (last != wanted.Version)
            last = (await client.NextAsync()).Resources.Single(resource => resource.Name == wanted.Name).Version;
    }

    private static MeshModel WithMode(MeshModel model, MtlsMode mode)
    {
        var workload = model.Workloads.Values.Single(w => w.Name.NodeId == ShopMesh.Node);
        return model with
        {
            Workloads = model.Workloads.SetItem(workload.Name, workload with { Inbound = workload.Inbound with { DefaultMode = mode } }),
        };
    }

    [Fact]
    public async Task A_proxy_is_sent_the_pods_with_which_it_shares_limits_and_each_change_of_them()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var alone = new DeltaClient(server.Connect(), "web-1.shop");
        await using var sharing = new DeltaClient(server.Connect(), ShopMesh.Node);
        Members(await alone.FetchAsync(ResourceType.Endpoints, MeshNames.LimitMembersCluster)).ShouldBeEmpty();
        await sharing.FetchAsync(ResourceType.Endpoints, MeshNames.LimitMembersCluster);

        foreach (
            var addresses in (ValueList<string>[])
                [
                    ["10.0.0.1", "10.0.0.2"],
                    ["10.0.0.1"],
                ]
        )
        {
            var workload = server.Model.Workloads.Values.Single(w => w.Name.NodeId == ShopMesh.Node);
            server.Update(
                server.Model with
                {
                    Workloads = server.Model.Workloads.SetItem(workload.Name, workload with { Sharing = new LimitGroup("web", addresses) }),
                }
            );
            Members(await sharing.NextAsync()).ShouldBe(addresses);
        }
    }

    private static IEnumerable<string> Members(DeltaDiscoveryResponse response) =>
        response
            .Resources.ShouldHaveSingleItem()
            .Resource_.Unpack<ClusterLoadAssignment>()
            .Endpoints.SelectMany(locality => locality.LbEndpoints)
            .Select(member => member.Endpoint.Address.SocketAddress.Address);

    [Fact]
    public async Task A_removed_service_is_taken_from_the_routes_before_its_cluster_goes()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        await client.FetchAsync(ResourceType.Cluster);
        await client.FetchAsync(ResourceType.Listener);
        await client.FetchAsync(ResourceType.Endpoints, "outbound/80/web-v2.shop");
        await client.FetchAsync(ResourceType.Route, WebRoute);

        server.Update(server.Model.WithWebWeights(1, 0).WithoutService("web-v2"));

        var order = new List<(string Type, string Removed)>();
        while (order.Count < 4)
        {
            var response = await client.NextAsync();
            order.Add((response.TypeUrl.Split('.')[^1], string.Join(',', response.RemovedResources)));
        }

        order.ShouldBe([
            ("Listener", "outbound/80/web-v2.shop"),
            ("RouteConfiguration", ""),
            ("ClusterLoadAssignment", "outbound/80/web-v2.shop"),
            ("Cluster", "outbound/80/web-v2.shop"),
        ]);
    }

    [Fact]
    public async Task A_pod_that_connects_before_it_is_seen_is_served_once_it_is()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), "new-0.shop");
        await client.SubscribeAsync(ResourceType.Listener);

        var workload = ShopMesh.Workload("new-0", "new", ShopMesh.Permissive);
        server.Update(server.Model with { Workloads = server.Model.Workloads.Add(workload.Name, workload) });

        (await client.NextAsync()).Resources.ShouldContain(resource => resource.Name == "inbound");
    }

    [Fact]
    public async Task An_unknown_node_is_refused_after_a_while()
    {
        await using var server = await XdsTestServer.StartAsync(options => options.UnknownNodeWait = TimeSpan.FromMilliseconds(50));
        await using var client = new DeltaClient(server.Connect(), "nobody-0.shop");
        await client.SubscribeAsync(ResourceType.Listener);

        (await client.EndAsync()).StatusCode.ShouldBe(StatusCode.NotFound);
    }

    [Fact]
    public async Task An_unknown_node_is_served_without_an_identity_where_that_is_allowed()
    {
        await using var server = await XdsTestServer.StartAsync(authenticator: new AcceptGuests());
        await using var client = new DeltaClient(server.Connect(), "laptop");

        (await client.FetchAsync(ResourceType.Cluster)).Resources.ShouldContain(resource => resource.Name == WebRoute);
        (await client.FetchAsync(ResourceType.Secret, "identity")).RemovedResources.ShouldBe(["identity"]);
    }

    [Fact]
    public async Task A_node_that_is_not_who_it_says_is_refused_with_the_reason()
    {
        await using var server = await XdsTestServer.StartAsync(authenticator: new RefuseAll());
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        await client.SubscribeAsync(ResourceType.Secret, "identity");

        var status = await client.EndAsync();
        status.StatusCode.ShouldBe(StatusCode.PermissionDenied);
        status.Detail.ShouldBe("the token is of another pod");
        server.Registry.Count.ShouldBe(0);
    }

    [Fact]
    public async Task Nothing_is_served_before_there_is_a_configuration()
    {
        await using var server = await XdsTestServer.StartAsync(withConfiguration: false);
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        await client.SubscribeAsync(ResourceType.Cluster);
        server.Registry.Count.ShouldBe(0);

        server.Update(server.Model);
        (await client.NextAsync()).Resources.ShouldNotBeEmpty();
    }

    [Fact]
    public async Task Too_many_names_end_the_stream()
    {
        await using var server = await XdsTestServer.StartAsync(options => options.MaxSubscribedNames = 10);
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        await client.SubscribeAsync(ResourceType.Endpoints, [.. Enumerable.Range(0, 11).Select(i => $"name-{i}")]);

        (await client.EndAsync()).StatusCode.ShouldBe(StatusCode.ResourceExhausted);
    }

    [Fact]
    public async Task A_request_that_is_too_large_ends_the_stream()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);

        (await client.SubscribeUntilEndAsync(ResourceType.Route, new string('x', 5 * 1024 * 1024))).StatusCode.ShouldBe(
            StatusCode.ResourceExhausted
        );
    }

    [Fact]
    public async Task More_streams_than_allowed_are_refused_and_the_others_go_on()
    {
        await using var server = await XdsTestServer.StartAsync(options => options.MaxStreams = 1);
        await using var first = new DeltaClient(server.Connect(), ShopMesh.Node);
        await first.FetchAsync(ResourceType.Route, WebRoute);
        await using var second = new DeltaClient(server.Connect(), "web-1.shop");

        (await second.SubscribeUntilEndAsync(ResourceType.Route, WebRoute)).StatusCode.ShouldBe(StatusCode.ResourceExhausted);
        (await first.FetchAsync(ResourceType.Route, ApiRoute)).Resources.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_server_that_stops_ends_its_streams_so_that_proxies_reconnect()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        await client.FetchAsync(ResourceType.Route, WebRoute);

        var stopping = server.StopAsync();
        // The stream's own word, or that of the connection that is closed behind it.
        (await client.EndAsync()).Detail.ShouldSatisfyAllConditions(detail =>
            (
                detail.Contains("The operator is shutting down", StringComparison.Ordinal)
                || detail.Contains("NO_ERROR", StringComparison.Ordinal)
            ).ShouldBeTrue(detail)
        );
        await stopping;
    }

    [Fact]
    public async Task A_large_answer_comes_in_several_parts()
    {
        await using var server = await XdsTestServer.StartAsync(options => options.MaxResponseBytes = 2000);
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        await client.SubscribeAsync(ResourceType.Cluster);

        var names = new HashSet<string>();
        var parts = 0;
        while (names.Count < 16)
        {
            var response = await client.NextAsync();
            parts++;
            response.Resources.ShouldAllBe(resource => names.Add(resource.Name));
        }

        parts.ShouldBeGreaterThan(3);
    }

    [Fact]
    public async Task An_aged_stream_is_ended_so_that_the_proxy_reconnects()
    {
        await using var server = await XdsTestServer.StartAsync(options => options.MaxStreamAge = TimeSpan.FromMilliseconds(50));
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);

        (await client.SubscribeUntilEndAsync(ResourceType.Cluster)).StatusCode.ShouldBe(StatusCode.Unavailable);
    }

    private static MeshService ApiWithTimeout(MeshModel model)
    {
        var api = model.Services[ShopMesh.Name("api")];
        var port = api.Ports[1];
        return api with
        {
            Ports = [api.Ports[0], port with { Routes = [port.Routes[0] with { RequestTimeout = TimeSpan.FromSeconds(9) }] }],
        };
    }

    private sealed class AcceptGuests : INodeAuthenticator
    {
        public ValueTask<NodeAuthentication> AuthenticateAsync(
            ServerCallContext context,
            string nodeId,
            CancellationToken cancellationToken
        ) => ValueTask.FromResult(NodeAuthentication.AcceptedAsGuest);
    }

    private sealed class RefuseAll : INodeAuthenticator
    {
        public ValueTask<NodeAuthentication> AuthenticateAsync(
            ServerCallContext context,
            string nodeId,
            CancellationToken cancellationToken
        ) =>
            ValueTask.FromResult(
                NodeAuthentication.Refused(StatusCode.PermissionDenied, RefusalReason.OtherPod, "the token is of another pod")
            );
    }
}
