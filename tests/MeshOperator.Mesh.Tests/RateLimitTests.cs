using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using Shouldly;
using Xunit;
using static MeshOperator.Mesh.Tests.Cluster;
using SpecLimit = MeshOperator.Api.Policies.RequestLimit;

namespace MeshOperator.Mesh.Tests;

public sealed class RateLimitTests
{
    private static RateLimitSpec Allow(int requests, params PolicyTargetReference[] targets) =>
        new() { TargetRefs = [.. targets], Limits = [new SpecLimit { Requests = requests }] };

    private static ValueList<MeshOperator.Mesh.Model.RequestLimit> Limits(Translation.TranslationResult result, string service) =>
        result.Workload(service).Inbound.Ports[0].Limits;

    [Fact]
    public void The_pods_of_the_target_are_bounded_and_no_others()
    {
        var result = Cluster
            .Create("web", "other")
            .Limit(
                "rl",
                new RateLimitSpec
                {
                    TargetRefs = [To("web")],
                    Limits =
                    [
                        new SpecLimit
                        {
                            Requests = 90,
                            Unit = RateLimitUnit.Minute,
                            Burst = 5,
                            Match = new RateLimitMatch
                            {
                                Method = "POST",
                                Path = new PathMatch { Value = "/api/" },
                            },
                        },
                    ],
                }
            )
            .Translate();
        var limit = Limits(result, "web").ShouldHaveSingleItem();
        (limit.Name, limit.Requests, limit.Unit, limit.Burst).ShouldBe(("rl/0", 90, TimeSpan.FromMinutes(1), 5));
        (limit.Match.Method, limit.Match.Path).ShouldBe(("POST", new StringMatch(StringMatchKind.Prefix, "/api")));
        result.Workload("web").Inbound.Policies.ShouldBe([new PolicyKey("RateLimit", "shop", "rl")]);
        Limits(result, "other").ShouldBeEmpty();
    }

    [Fact]
    public void The_most_specific_wins_the_port_before_the_service_before_a_selector()
    {
        var selected = new RateLimitSpec
        {
            Selector = new PodLabelSelector { MatchLabels = { ["app"] = "web" } },
            Limits = [new SpecLimit { Requests = 1 }],
        };
        var cluster = Cluster.Create("web").Limit("selector", selected);
        Limits(cluster.Translate(), "web")[0].Requests.ShouldBe(1);
        Limits(cluster.Limit("service", Allow(2, To("web")), created: 1).Translate(), "web")[0].Requests.ShouldBe(2);
        Limits(cluster.Limit("port", Allow(3, To("web", "http")), created: 2).Translate(), "web")[0].Requests.ShouldBe(3);
    }

    [Fact]
    public void Of_two_on_one_target_the_older_wins_and_the_other_says_so()
    {
        var result = Cluster.Create("web").Limit("b", Allow(1, To("web"))).Limit("a", Allow(2, To("web")), created: 1).Translate();
        Limits(result, "web")[0].Requests.ShouldBe(1);
        result.Verdict("RateLimit", "a").Accepted.Reason.ShouldBe("Conflicted");
    }

    [Fact]
    public void A_port_of_opaque_bytes_has_no_requests_to_count_which_is_reported()
    {
        var result = new Cluster().Service("db", portName: "tcp", port: 5432).Limit("rl", Allow(1, To("db"))).Translate();
        Limits(result, "db").ShouldBeEmpty();
        result.Verdict("RateLimit", "rl").ResolvedRefs.Reason.ShouldBe("UnsupportedProtocol");
    }

    [Fact]
    public void On_an_undeclared_port_requests_are_counted_where_they_are_recognised()
    {
        var result = new Cluster().Service("web", portName: "", port: 7000).Limit("rl", Allow(1, To("web"))).Translate();
        Limits(result, "web").ShouldHaveSingleItem();
        result.Verdict("RateLimit", "rl").ResolvedRefs.Holds.ShouldBeTrue();
    }
}
