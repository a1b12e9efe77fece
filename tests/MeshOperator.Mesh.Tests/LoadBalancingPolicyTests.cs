using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using Shouldly;
using Xunit;
using static MeshOperator.Mesh.Tests.Cluster;

namespace MeshOperator.Mesh.Tests;

public sealed class LoadBalancingPolicyTests
{
    private static readonly PolicyKey Key = new("LoadBalancingPolicy", "shop", "lbp");

    [Fact]
    public void A_service_without_a_policy_has_its_least_loaded_endpoint_called() =>
        Create("web").Translate().Port("web").Balancing.ShouldBe(new BalancingSettings(LoadBalancingMethod.LeastRequest));

    [Fact]
    public void All_settings_arrive_at_the_port()
    {
        var result = Create("web", "cart")
            .Balancing(
                "lbp",
                new LoadBalancingPolicySpec
                {
                    TargetRefs = [To("web")],
                    Method = LoadBalancingMethod.Utilization,
                    SlowStart = new SlowStartSpec { Window = "30s" },
                    PanicThreshold = 20,
                    EndpointsPerCaller = 5,
                    Utilization = new UtilizationSpec { MetricNames = ["named_metrics.load"], ReportingPeriod = "5s" },
                }
            )
            .Translate();

        result
            .Port("web")
            .Balancing.ShouldBe(
                new BalancingSettings(LoadBalancingMethod.Utilization)
                {
                    SlowStart = new SlowStart(TimeSpan.FromSeconds(30), 10),
                    PanicPercent = 20,
                    EndpointsPerCaller = 5,
                    Utilization = new UtilizationReports(
                        ["named_metrics.load"],
                        TimeSpan.FromSeconds(5),
                        false,
                        TimeSpan.FromSeconds(10),
                        TimeSpan.FromMinutes(3)
                    ),
                }
            );
        result.Port("web").ClusterPolicies.ShouldBe([Key]);
        result.Port("cart").Balancing.ShouldBe(BalancingSettings.Default);
    }

    [Fact]
    public void A_hash_is_on_every_route_to_the_service_and_counts_when_those_are_acknowledged()
    {
        var result = Create("web", "cart")
            .Split("s", new TrafficSplitSpec { Service = "cart", Backends = [Backend("cart", 9), Backend("web", 1)] })
            .Balancing("lbp", ByHeader("web", "x-user"))
            .Translate();

        foreach (var service in new[] { "web", "cart" })
        {
            result.Port(service).Routes.ShouldHaveSingleItem().Hash.ShouldBe(new StickySession(StickyKey.Header, "x-user", null));
            result.Port(service).RoutePolicies.ShouldContain(Key);
        }

        result.Port("cart").Balancing.Method.ShouldBe(LoadBalancingMethod.LeastRequest);
    }

    [Fact]
    public void Of_backends_that_go_by_different_hashes_the_first_is_followed() =>
        Create("web", "v1", "v2")
            .Split("s", new TrafficSplitSpec { Service = "web", Backends = [Backend("v1"), Backend("v2")] })
            .Balancing("first", ByHeader("v1", "x-first"), created: 1)
            .Balancing("second", ByHeader("v2", "x-second"))
            .Translate()
            .Port("web")
            .Routes[0]
            .Hash!.Name.ShouldBe("x-first");

    [Fact]
    public void A_sticky_rule_takes_precedence_and_the_policy_says_so()
    {
        var result = Create("web")
            .Split(
                "s",
                new TrafficSplitSpec
                {
                    Service = "web",
                    Rules =
                    [
                        new TrafficSplitRule
                        {
                            Name = "cart",
                            Matches = [new HttpRequestMatch { Path = new PathMatch { Value = "/cart" } }],
                            Backends = [Backend("web")],
                            Sticky = new StickySessions { SourceIP = true },
                        },
                    ],
                }
            )
            .Balancing("lbp", ByHeader("web", "x-user"))
            .Translate();

        var routes = result.Port("web").Routes;
        routes[0].Sticky!.Key.ShouldBe(StickyKey.SourceIp);
        routes[0].Hash.ShouldBeNull();
        routes[1].Hash!.Name.ShouldBe("x-user");
        result
            .Verdict("LoadBalancingPolicy", "lbp")
            .Accepted.Message.ShouldBe(
                "The policy is valid. On port 80 of web.shop the sticky route 'cart-0' of web.shop takes precedence, for its own requests."
            );
    }

    [Fact]
    public void That_of_a_split_service_holds_for_the_backends_that_have_none_of_their_own()
    {
        var result = Create("web", "v1", "v2")
            .Split("s", new TrafficSplitSpec { Service = "web", Backends = [Backend("v1"), Backend("v2")] })
            .Balancing("root", new LoadBalancingPolicySpec { TargetRefs = [To("web")], Method = LoadBalancingMethod.RoundRobin })
            .Balancing("own", new LoadBalancingPolicySpec { TargetRefs = [To("v2")], Method = LoadBalancingMethod.Random })
            .Translate();

        result.Port("v1").Balancing.Method.ShouldBe(LoadBalancingMethod.RoundRobin);
        result.Port("v2").Balancing.Method.ShouldBe(LoadBalancingMethod.Random);
    }

    [Fact]
    public void One_service_has_a_policy_and_a_circuit_breaker()
    {
        var port = Create("web")
            .Breaker("cb", new CircuitBreakerSpec { TargetRefs = [To("web")], MaxRequests = 1 })
            .Balancing("lbp", new LoadBalancingPolicySpec { TargetRefs = [To("web")], PanicThreshold = 0 })
            .Translate()
            .Port("web");

        port.ClusterPolicies.ShouldBe([new PolicyKey("CircuitBreaker", "shop", "cb"), Key]);
        port.Connection.Breaker!.MaxRequests.ShouldBe(1);
        port.Balancing.PanicPercent.ShouldBe(0);
    }

    private static LoadBalancingPolicySpec ByHeader(string service, string header) =>
        new()
        {
            TargetRefs = [To(service)],
            Method = LoadBalancingMethod.Hash,
            Hash = new StickySessions { Header = header },
        };
}
