using System.Text.RegularExpressions;
using Envoy.Config.Cluster.V3;
using Envoy.Config.Core.V3;
using Envoy.Config.Endpoint.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Filters.Http.LocalRatelimit.V3;
using Envoy.Extensions.TransportSockets.Tls.V3;
using Google.Protobuf;
using Google.Protobuf.Collections;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Tests.Support;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Outbound;
using Shouldly;

namespace MeshOperator.Xds.Tests;

public sealed class TranslationTests
{
    [Fact]
    public void An_equal_model_gives_the_very_same_resources()
    {
        var translator = new EnvoyTranslator();
        var first = translator.Translate(ShopMesh.Model());
        var second = translator.Translate(ShopMesh.Model());

        second.ShouldNotBeSameAs(first);
        second.Shared.ShouldBe(first.Shared);
        second.Profiles.Values.ShouldBe(first.Profiles.Values, ignoreOrder: true);
    }

    [Fact]
    public void Another_replica_gives_the_same_versions()
    {
        var here = new EnvoyTranslator().Translate(ShopMesh.Model());
        var there = new EnvoyTranslator().Translate(ShopMesh.Model());

        there.Shared.Select(set => set.Version).ShouldBe(here.Shared.Select(set => set.Version));
    }

    [Fact]
    public void A_changed_weight_changes_one_route_and_nothing_else()
    {
        var translator = new EnvoyTranslator();
        var before = translator.Translate(ShopMesh.Model());
        var after = translator.Translate(ShopMesh.Model().WithWebWeights(80, 20));

        foreach (var type in new[] { ResourceType.Cluster, ResourceType.Endpoints, ResourceType.Listener })
        {
            after.Shared[(int)type].ShouldBeSameAs(before.Shared[(int)type]);
        }

        var routes = after.Shared[(int)ResourceType.Route];
        var difference = routes.DifferenceFrom(before.Shared[(int)ResourceType.Route]);
        difference.Removals.ShouldBeEmpty();
        difference.Upserts.Select(index => routes[index].Name).ShouldBe(["outbound/80/web.shop"]);
    }

    [Fact]
    public void Methods_are_retried_by_response_and_the_others_only_where_nothing_was_received()
    {
        var routes = Routes("outbound/80/web.shop");

        routes.Select(route => route.Name).ShouldBe(["split/connect", "split/retried-methods", "split"]);
        routes[1].Match.Headers.ShouldHaveSingleItem().StringMatch.SafeRegex.Regex.ShouldBe("GET|HEAD|OPTIONS");
        routes[1]
            .Route_.RetryPolicy.RetryOn.ShouldBe(
                "connect-failure,refused-stream,reset-before-request,retriable-headers,gateway-error,unavailable,retriable-status-codes"
            );
        routes[2].Route_.RetryPolicy.RetryOn.ShouldBe("connect-failure,refused-stream,reset-before-request,retriable-headers");
        routes[2].Route_.RetryPolicy.RetriableStatusCodes.ShouldBeEmpty();
    }

    [Fact]
    public void The_share_of_a_missing_backend_is_answered_with_500()
    {
        var routes = Routes("outbound/80/half.shop");

        routes[1].DirectResponse.Status.ShouldBe(500u);
        routes[1].Match.RuntimeFraction.DefaultValue.Numerator.ShouldBe(500_000u);
        routes[2]
            .Route_.WeightedClusters.Clusters.Select(cluster => (cluster.Name, cluster.Weight))
            .ShouldBe([("outbound/80/half.shop", 1u), ("outbound/80/web.shop", 1u)]);
    }

    [Fact]
    public void A_route_without_any_present_backend_is_answered_with_500_as_a_whole()
    {
        var gone = Routes("outbound/80/rules.shop")
            .Where(route => route.Name.StartsWith("gone", StringComparison.Ordinal))
            .ShouldHaveSingleItem();

        gone.DirectResponse.Status.ShouldBe(500u);
        gone.Match.RuntimeFraction.ShouldBeNull();
        gone.Match.PathSeparatedPrefix.ShouldBe("/gone");
    }

    [Theory]
    [InlineData(1_000_000, 500_000, 500_000)]
    [InlineData(10, 499_999, 500_001)]
    [InlineData(1, 1, 1)]
    [InlineData(9_000, 700, 300)]
    public void Beside_a_missing_backend_the_others_keep_their_shares(int missing, int first, int second)
    {
        var split = BackendSplit.Create([
            new(missing, new MissingBackend(MissingReason.ServiceNotFound)),
            new(first, Target("a")),
            new(second, Target("b")),
        ]);

        // As Envoy draws: one number for both choices.
        var random = new Random(1);
        var cut = (ulong)Math.Round(split.MissingShare * 1_000_000);
        var total = (ulong)split.Present.Sum(backend => backend.Weight);
        int drawn = 0,
            ofFirst = 0;
        for (var i = 0; i < 3_000_000 && drawn < 200_000; i++)
        {
            var number = (ulong)random.NextInt64();
            if (number % 1_000_000 < cut)
                continue;
            drawn++;
            if (number % total < split.Present[0].Weight)
                ofFirst++;
        }

        ((double)ofFirst / drawn).ShouldBe((double)first / (first + second), 0.01);
    }

    [Theory]
    [InlineData(0, 500_000, 500_000, 10)]
    [InlineData(0, 5_000, 5_000, 0.5)]
    [InlineData(1, 1, 2, 60)]
    [InlineData(9_000, 700, 300, 10)]
    public void A_mirror_takes_its_share_of_what_is_forwarded_from_all_backends_alike(int missing, int first, int second, double percent)
    {
        var model = ShopMesh
            .Model()
            .WithPort(
                "web",
                port =>
                    port with
                    {
                        Routes =
                        [
                            new HttpRoute
                            {
                                Name = "mirrored",
                                Backends =
                                [
                                    new(missing, new MissingBackend(MissingReason.ServiceNotFound)),
                                    new(first, new BackendTarget(ShopMesh.Name("web"), 80)),
                                    new(second, new BackendTarget(ShopMesh.Name("web-v2"), 80)),
                                ],
                                Mirror = new MirrorTarget(new BackendTarget(ShopMesh.Name("api"), 80), percent),
                            },
                        ],
                    }
            );
        var routes = new EnvoyTranslator()
            .Translate(model)
            .Shared[(int)ResourceType.Route]
            .Find("outbound/80/web.shop")!
            .Read(RouteConfiguration.Parser)
            .VirtualHosts.ShouldHaveSingleItem()
            .Routes.Where(route => route.Match.ConnectMatcher is null)
            .ToList();
        var cut = missing == 0 ? 0 : routes[0].Match.RuntimeFraction.DefaultValue.Numerator;
        var mirrored = routes[^1].Route_.RequestMirrorPolicies.ShouldHaveSingleItem().RuntimeFraction.DefaultValue.Numerator;
        var clusters = routes[^1].Route_.WeightedClusters.Clusters;
        var total = (ulong)clusters.Sum(cluster => cluster.Weight!.Value);

        // As Envoy draws: one number for all choices.
        var random = new Random(1);
        int forwarded = 0,
            copied = 0,
            copiedOfFirst = 0;
        while (copied < 20_000)
        {
            var number = (ulong)random.NextInt64();
            if (number % 1_000_000 < cut)
                continue;
            forwarded++;
            if (number % 1_000_000 >= mirrored)
                continue;
            copied++;
            if (number % total < clusters[0].Weight)
                copiedOfFirst++;
        }

        ((double)copied / forwarded).ShouldBe(percent / 100, percent / 100 * 0.05);
        ((double)copiedOfFirst / copied).ShouldBe((double)first / (first + second), 0.02);
    }

    [Fact]
    public void A_cluster_expects_exactly_the_identities_of_its_endpoints()
    {
        var cluster = Configuration(ResourceType.Cluster).Find("outbound/80/web.shop")!.Read(Cluster.Parser);

        var context = UpstreamTlsContext.Parser.ParseFrom(cluster.TransportSocket.TypedConfig.Value).CommonTlsContext;
        context.AlpnProtocols.ShouldBe(["meshoperator-http", "meshoperator"]);
        context
            .CombinedValidationContext.DefaultValidationContext.MatchTypedSubjectAltNames.ShouldHaveSingleItem()
            .Matcher.Exact.ShouldBe("spiffe://cluster.local/ns/shop/sa/web");
    }

    [Fact]
    public void A_service_without_meshed_endpoints_is_called_in_plaintext()
    {
        var model = ShopMesh.Model().WithPort("web", port => port with { Endpoints = [new MeshEndpoint("10.0.0.1", 80, null, null)] });
        var set = new EnvoyTranslator().Translate(model).Shared[(int)ResourceType.Cluster];

        var cluster = set.Find("outbound/80/web.shop")!.Read(Cluster.Parser);
        cluster.TransportSocket.ShouldBeNull();
        cluster.TransportSocketMatches.ShouldBeEmpty();
    }

    [Fact]
    public void Only_endpoints_that_are_marked_as_plaintext_are_called_without_mutual_tls()
    {
        var model = ShopMesh
            .Model()
            .WithPort(
                "web",
                port =>
                    port with
                    {
                        Endpoints =
                        [
                            new MeshEndpoint("10.0.0.1", 80, null, null),
                            new MeshEndpoint("10.0.0.2", 80, "spiffe://cluster.local/ns/shop/sa/web", null),
                        ],
                    }
            );
        var configuration = new EnvoyTranslator().Translate(model);

        var cluster = configuration.Shared[(int)ResourceType.Cluster].Find("outbound/80/web.shop")!.Read(Cluster.Parser);
        cluster.TransportSocket.Name.ShouldBe("envoy.transport_sockets.tls");
        var plaintext = cluster.TransportSocketMatches.ShouldHaveSingleItem();
        plaintext.TransportSocket.Name.ShouldBe("envoy.transport_sockets.raw_buffer");
        var endpoints = configuration
            .Shared[(int)ResourceType.Endpoints]
            .Find("outbound/80/web.shop")!
            .Read(ClusterLoadAssignment.Parser)
            .Endpoints.ShouldHaveSingleItem()
            .LbEndpoints.ToDictionary(e => e.Endpoint.Address.SocketAddress.Address, e => e.Metadata);
        endpoints["10.0.0.1"].FilterMetadata["envoy.transport_socket_match"].ShouldBe(plaintext.Match);
        endpoints["10.0.0.2"].ShouldBeNull();
    }

    [Fact]
    public void Clusters_of_sticky_routes_hash_consistently_and_the_others_do_not()
    {
        var clusters = Configuration(ResourceType.Cluster);

        clusters.Find("outbound/80/web-v2.shop")!.Read(Cluster.Parser).LbPolicy.ShouldBe(Cluster.Types.LbPolicy.RingHash);
        clusters
            .Find("outbound/80/web.shop")!
            .Read(Cluster.Parser)
            .LoadBalancingPolicy.Policies.ShouldHaveSingleItem()
            .TypedExtensionConfig.Name.ShouldBe("envoy.load_balancing_policies.least_request");
    }

    [Fact]
    public void Of_two_services_at_one_address_the_first_has_the_listener()
    {
        var model = ShopMesh.Model().WithPort("web-v2", port => port with { Addresses = ["10.96.0.1", "10.96.0.99"] });
        var listeners = new EnvoyTranslator().Translate(model).Shared[(int)ResourceType.Listener];

        listeners.Find("outbound/80/web.shop").ShouldNotBeNull();
        listeners.Find("outbound/80/web-v2.shop").ShouldBeNull();
        listeners.Find("outbound/80/web-v2.shop/10.96.0.99").ShouldNotBeNull();
    }

    private static BackendTarget Target(string name) => new(ShopMesh.Name(name), 80);

    [Theory]
    [InlineData("GET", "/", "", "all/0")]
    [InlineData("POST", "/api/score?x=1", "x-tenant:free", "all/0 all/1")]
    [InlineData("POST", "/api/score", "x-tenant:paid", "all/0")]
    [InlineData("POST", "/apis", "x-tenant:free", "all/0")]
    [InlineData("POST", "/x/..//API%2fscore", "x-tenant:free", "all/0 all/1")]
    [InlineData("GET", "/v2/score?x=1", "", "all/0 all/2")]
    public void A_request_takes_a_token_of_each_limit_that_matches_it(string method, string path, string header, string expected)
    {
        var headers = new Dictionary<string, string> { [":path"] = path, [":method"] = method };
        if (header.Split(':') is [var name, var value])
            headers[name] = value;
        var filters = new EnvoyTranslator().Translate(ShopMesh.Model()).Nodes[new WorkloadName("shop", "web-0")].Own[
            ResourceType.Extension
        ];

        Enumerable
            .Range(0, 4)
            .Select(slot =>
                filters.Find($"inbound/8080/limit/{slot}")!.Read(TypedExtensionConfig.Parser).TypedConfig.Unpack<LocalRateLimit>()
            )
            .SelectMany(filter => filter.RateLimits.Select(limit => limit.Actions.ShouldHaveSingleItem()))
            .Where(action => action.HeaderValueMatch?.Headers.All(Holds) ?? true)
            .Select(action => action.GenericKey?.DescriptorValue ?? action.HeaderValueMatch.DescriptorValue)
            .ShouldBe(expected.Split(' '));

        bool Holds(HeaderMatcher condition) =>
            headers.TryGetValue(condition.Name, out var found)
            && condition.StringMatch switch
            {
                { HasExact: true } match => match.Exact == found,
                var match => Regex.IsMatch(found, $@"\A(?:{match.SafeRegex.Regex})\z", RegexOptions.CultureInvariant),
            };
    }

    private static ResourceSet Configuration(ResourceType type) => new EnvoyTranslator().Translate(ShopMesh.Model()).Shared[(int)type];

    private static RepeatedField<Route> Routes(string name) =>
        Configuration(ResourceType.Route).Find(name)!.Read(RouteConfiguration.Parser).VirtualHosts.ShouldHaveSingleItem().Routes;
}
