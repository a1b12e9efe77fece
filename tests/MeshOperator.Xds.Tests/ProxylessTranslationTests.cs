using Envoy.Config.Cluster.V3;
using Envoy.Config.Endpoint.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Filters.Http.Fault.V3;
using Google.Protobuf;
using Google.Protobuf.Collections;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Tests.Support;
using MeshOperator.Xds.Translation;
using Shouldly;
using RetryPolicy = Envoy.Config.Route.V3.RetryPolicy;

namespace MeshOperator.Xds.Tests;

/// <summary>What gRPC libraries are sent of the mesh, in the words that all of them know.</summary>
public sealed class ProxylessTranslationTests
{
    [Fact]
    public void Nothing_is_made_before_a_client_asks_and_then_what_is_unchanged_is_reused()
    {
        var translator = new EnvoyTranslator();
        var first = translator.Translate(ShopMesh.Model()).Proxyless;
        first.Latest.ShouldBeNull();
        var before = first.Value;

        translator.Translate(ShopMesh.Model().WithWebWeights(70, 30));
        var after = translator.Translate(ShopMesh.Model().WithWebWeights(80, 20)).Proxyless.Value;

        foreach (var type in new[] { ResourceType.Cluster, ResourceType.Endpoints, ResourceType.Listener })
        {
            after.Shared[(int)type].ShouldBeSameAs(before.Shared[(int)type]);
        }

        var routes = after.Shared[(int)ResourceType.Route];
        routes
            .DifferenceFrom(before.Shared[(int)ResourceType.Route])
            .Upserts.Select(index => routes[index].Name)
            .ShouldBe(["outbound/80/web.shop"]);
        after.Ports["outbound/8443/api.shop"].ShouldBeSameAs(before.Ports["outbound/8443/api.shop"]);
    }

    [Fact]
    public void Only_ports_that_can_be_HTTP_have_a_listener()
    {
        var listeners = Resources(ShopMesh.Model(), ResourceType.Listener);

        listeners.Find("legacy.shop:9000").ShouldNotBeNull();
        listeners.Find("peers.shop:7000").ShouldNotBeNull();
        listeners.Find("db.shop:5432").ShouldBeNull();
    }

    [Fact]
    public void A_rule_that_gRPC_cannot_decide_or_no_call_can_match_is_left_out()
    {
        // `exact` has a path of one element, `canary` looks at the query and the host.
        Routes("rules").Select(route => route.Name).ShouldBe(["expression", "gone", "default"]);
    }

    [Theory]
    [InlineData(StringMatchKind.Prefix, "/shop.Cart", "prefix /shop.Cart/")]
    [InlineData(StringMatchKind.Prefix, "/shop.Cart/", "prefix /shop.Cart/")]
    [InlineData(StringMatchKind.Prefix, "/shop.Cart/Add", "path /shop.Cart/Add")]
    [InlineData(StringMatchKind.Prefix, "/shop.Cart/Add/more", null)]
    [InlineData(StringMatchKind.Prefix, "//Add", null)]
    [InlineData(StringMatchKind.Prefix, "/", "prefix /")]
    [InlineData(StringMatchKind.Exact, "/shop.Cart/Add", "path /shop.Cart/Add")]
    [InlineData(StringMatchKind.Exact, "/shop.Cart/", null)]
    [InlineData(StringMatchKind.Exact, "/healthz", null)]
    [InlineData(StringMatchKind.RegularExpression, "/shop\\..*", "regex /shop\\..*")]
    public void A_path_is_a_service_or_a_method(StringMatchKind kind, string value, string? expected)
    {
        var match = Match(new HttpMatch { Path = new StringMatch(kind, value) });

        (
            match?.PathSpecifierCase switch
            {
                RouteMatch.PathSpecifierOneofCase.Prefix => $"prefix {match.Prefix}",
                RouteMatch.PathSpecifierOneofCase.Path => $"path {match.Path}",
                RouteMatch.PathSpecifierOneofCase.SafeRegex => $"regex {match.SafeRegex.Regex}",
                _ => null,
            }
        ).ShouldBe(expected);
    }

    [Theory]
    [InlineData("POST", true)]
    [InlineData("GET", false)]
    public void A_method_is_decided_beforehand_as_every_call_is_a_POST(string method, bool matches)
    {
        var match = Match(new HttpMatch { Method = method });

        (match is not null).ShouldBe(matches);
        (match?.Headers.Count ?? 0).ShouldBe(0);
    }

    [Theory]
    [InlineData("host", null)]
    [InlineData("trace-bin", null)]
    [InlineData("x-tenant", "x-tenant")]
    public void Headers_are_matched_where_gRPC_sees_them(string name, string? expected) =>
        Match(new HttpMatch { Headers = [new NamedMatch(name, new StringMatch(StringMatchKind.Exact, "a"))] })
            ?.Headers[0]
            .Name.ShouldBe(expected);

    [Fact]
    public void Headers_are_compared_in_words_that_old_clients_know()
    {
        var match = Match(
            new HttpMatch
            {
                Headers =
                [
                    new NamedMatch("x-exact", new StringMatch(StringMatchKind.Exact, "a")),
                    new NamedMatch("x-prefix", new StringMatch(StringMatchKind.Prefix, "b")),
                    new NamedMatch("x-regex", new StringMatch(StringMatchKind.RegularExpression, "c+")),
                    new NamedMatch("x-any", new StringMatch(StringMatchKind.Present, "")),
                ],
                Cookies = [new NamedMatch("user", new StringMatch(StringMatchKind.Exact, "d"))],
            }
        );

        match
            .ShouldNotBeNull()
            .Headers.Select(header => header.HeaderMatchSpecifierCase)
            .ShouldBe([
                HeaderMatcher.HeaderMatchSpecifierOneofCase.ExactMatch,
                HeaderMatcher.HeaderMatchSpecifierOneofCase.PrefixMatch,
                HeaderMatcher.HeaderMatchSpecifierOneofCase.SafeRegexMatch,
                HeaderMatcher.HeaderMatchSpecifierOneofCase.PresentMatch,
                HeaderMatcher.HeaderMatchSpecifierOneofCase.SafeRegexMatch,
            ]);
    }

    [Fact]
    public void The_share_of_a_missing_backend_goes_to_a_cluster_without_endpoints()
    {
        var clusters = Routes("half")[0].Route_.WeightedClusters;

        clusters
            .Clusters.Select(cluster => (cluster.Name, cluster.Weight))
            .ShouldBe([("missing-backend", 50u), ("outbound/80/half.shop", 25u), ("outbound/80/web.shop", 25u)]);
        clusters.TotalWeight.ShouldBe(100u);
        Resources(ShopMesh.Model(), ResourceType.Cluster)
            .Find("missing-backend")!
            .Read(Cluster.Parser)
            .Type.ShouldBe(Cluster.Types.DiscoveryType.Eds);
        Resources(ShopMesh.Model(), ResourceType.Endpoints)
            .Find("missing-backend")!
            .Read(ClusterLoadAssignment.Parser)
            .Endpoints.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("POST", "GrpcUnavailable,GrpcInternal", "", "unavailable,internal")]
    [InlineData("", "GrpcDeadlineExceeded,GrpcResourceExhausted,GrpcCancelled", "", "deadline-exceeded,resource-exhausted,cancelled")]
    [InlineData("POST", "GatewayError,Reset", "409,504", "unavailable")]
    [InlineData("POST", "", "429", "unavailable")]
    [InlineData("POST", "Conflict", "500", null)]
    [InlineData("GET,PUT", "GrpcUnavailable", "503", null)]
    public void Retries_are_by_the_status_codes_of_gRPC_for_calls_that_may_be_retried(
        string methods,
        string triggers,
        string codes,
        string? expected
    )
    {
        var policy = Retry(
            new RetrySettings
            {
                Attempts = 3,
                Methods = Split(methods).ToValueList(),
                ConnectionTriggers = [RetryTrigger.ConnectFailure],
                ResponseTriggers = Split(triggers).Select(Enum.Parse<RetryTrigger>).ToValueList(),
                StatusCodes = Split(codes).Select(int.Parse).ToValueList(),
                PerTryTimeout = TimeSpan.FromSeconds(1),
                BackoffBase = TimeSpan.Zero,
                BackoffMax = TimeSpan.Zero,
            }
        );

        policy?.RetryOn.ShouldBe(expected);
        (policy is null).ShouldBe(expected is null);
        if (policy is null)
            return;
        policy.NumRetries.ShouldBe(3u);
        policy.RetryBackOff.BaseInterval.ToTimeSpan().ShouldBe(TimeSpan.FromMilliseconds(1));
        policy.RetryBackOff.MaxInterval.ToTimeSpan().ShouldBe(TimeSpan.FromMilliseconds(1));
    }

    [Fact]
    public void A_timeout_bounds_the_call_and_faults_are_those_of_the_rule()
    {
        var model = With(
            new HttpRoute
            {
                Name = "default",
                Backends = [new WeightedBackend(1, new BackendTarget(ShopMesh.Name("web"), 80))],
                RequestTimeout = TimeSpan.FromSeconds(3),
                Fault = new FaultInjection(TimeSpan.FromMilliseconds(250), 10, 503, 0.5),
                Mirror = new MirrorTarget(new BackendTarget(ShopMesh.Name("web"), 80), 100),
            }
        );
        var route = Routes(model, "web")[0];

        route.Route_.MaxStreamDuration.MaxStreamDuration_.ToTimeSpan().ShouldBe(TimeSpan.FromSeconds(3));
        route.Route_.Timeout.ShouldBeNull();
        route.Route_.RequestMirrorPolicies.ShouldBeEmpty();
        HTTPFault.Parser.ParseFrom(route.TypedPerFilterConfig["envoy.filters.http.fault"].Value).Abort.HttpStatus.ShouldBe(503u);
    }

    [Fact]
    public void Calls_are_kept_at_one_endpoint_by_a_header_or_the_channel_and_not_by_a_cookie()
    {
        var routes = Routes("rules");
        routes.Single(route => route.Name == "expression").Route_.HashPolicy.ShouldHaveSingleItem().Header.HeaderName.ShouldBe("x-user");
        routes
            .Single(route => route.Name == "default")
            .Route_.HashPolicy.ShouldHaveSingleItem()
            .FilterState.Key.ShouldBe("io.grpc.channel_id");
        Policy(ShopMesh.Model(), "web-v2").ShouldBe(Cluster.Types.LbPolicy.RingHash);
        Policy(ShopMesh.Model(), "half").ShouldBe(Cluster.Types.LbPolicy.RoundRobin);

        var byCookie = ShopMesh
            .Model()
            .WithPort(
                "half",
                port =>
                    port with
                    {
                        Routes =
                        [
                            new HttpRoute
                            {
                                Name = "default",
                                Backends = [new WeightedBackend(1, new BackendTarget(ShopMesh.Name("half"), 80))],
                                Sticky = new StickySession(StickyKey.Cookie, "session", null),
                            },
                        ],
                    }
            );
        Policy(byCookie, "half").ShouldBe(Cluster.Types.LbPolicy.RoundRobin);
        Routes(byCookie, "half")[0].Route_.HashPolicy.ShouldBeEmpty();
    }

    [Fact]
    public void A_cluster_bounds_calls_as_that_of_Envoy_does_and_has_no_TLS()
    {
        var configuration = new EnvoyTranslator().Translate(ShopMesh.Model());
        var cluster = Find(configuration.Proxyless.Value.Shared, "outbound/80/web.shop");
        var envoys = Find(configuration.Shared, "outbound/80/web.shop");

        envoys.CircuitBreakers.ShouldNotBeNull();
        cluster.CircuitBreakers.ShouldBe(envoys.CircuitBreakers);
        // gRFC A50: gRPC ejects by the share of calls that failed.
        cluster.OutlierDetection.MaxEjectionPercent.ShouldBe(envoys.OutlierDetection.MaxEjectionPercent);
        cluster.OutlierDetection.EnforcingFailurePercentage.ShouldBe(100u);
        cluster.OutlierDetection.FailurePercentageThreshold.ShouldBe(99u);
        cluster.OutlierDetection.FailurePercentageRequestVolume.ShouldBe(envoys.OutlierDetection.ConsecutiveGatewayFailure);
        cluster.TransportSocket.ShouldBeNull();
        cluster.TransportSocketMatches.ShouldBeEmpty();

        static Cluster Find(IReadOnlyList<ResourceSet> sets, string name) =>
            sets[(int)ResourceType.Cluster].Find(name)!.Read(Cluster.Parser);
    }

    private static string[] Split(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The shop, whose service web has this one route.</summary>
    private static MeshModel With(HttpRoute route) => ShopMesh.Model().WithPort("web", port => port with { Routes = [route] });

    private static HttpRoute Default(HttpMatch match) =>
        new()
        {
            Name = "rule",
            Match = match,
            Backends = [new WeightedBackend(1, new BackendTarget(ShopMesh.Name("web"), 80))],
        };

    private static RouteMatch? Match(HttpMatch match) => Routes(With(Default(match)), "web") is [var route] ? route.Match : null;

    private static RetryPolicy? Retry(RetrySettings retry) =>
        Routes(With(Default(HttpMatch.All) with { Retry = retry }), "web")[0].Route_.RetryPolicy;

    private static Cluster.Types.LbPolicy Policy(MeshModel model, string service) =>
        Resources(model, ResourceType.Cluster).Find($"outbound/80/{service}.shop")!.Read(Cluster.Parser).LbPolicy;

    private static RepeatedField<Route> Routes(string service) => Routes(ShopMesh.Model(), service);

    private static RepeatedField<Route> Routes(MeshModel model, string service) =>
        Resources(model, ResourceType.Route)
            .Find($"outbound/80/{service}.shop")!
            .Read(RouteConfiguration.Parser)
            .VirtualHosts.ShouldHaveSingleItem()
            .Routes;

    private static ResourceSet Resources(MeshModel model, ResourceType type) =>
        new EnvoyTranslator().Translate(model).Proxyless.Value.Shared[(int)type];
}
