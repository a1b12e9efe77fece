using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using Shouldly;
using Xunit;
using static MeshOperator.Mesh.Tests.Cluster;
using SpecLimit = MeshOperator.Api.Policies.RequestLimit;

namespace MeshOperator.Mesh.Tests;

public sealed class SharedLimitTests
{
    private static RateLimitSpec Shared(params PolicyTargetReference[] targets) =>
        new()
        {
            Scope = RateLimitScope.Service,
            TargetRefs = [.. targets],
            Limits = [new SpecLimit { Requests = 10 }],
        };

    private static bool IsShared(Translation.TranslationResult result, string service, int port = 0) =>
        result.Workload(service).Inbound.Ports[port].Limits[0].IsShared;

    [Fact]
    public void Ready_pods_of_all_targets_share_the_limit_and_no_others()
    {
        var result = new Cluster()
            .Service("web")
            .Service("api")
            .Service("slow", ready: false)
            .Service("other")
            .Limit("rl", Shared(To("web"), To("api"), To("slow")))
            .Translate();

        foreach (var service in (string[])["web", "api", "slow"])
        {
            result.Workload(service).Sharing!.Addresses.ShouldBe(["10.0.0.1", "10.0.0.2"]);
            IsShared(result, service).ShouldBeTrue();
        }

        result.Workload("other").Sharing.ShouldBeNull();
        result.Verdict("RateLimit", "rl").Accepted.Message.ShouldBe("The policy is valid.");
    }

    [Fact]
    public void Pod_whose_proxy_cannot_share_counts_alone_and_the_status_names_it()
    {
        var result = Cluster
            .Create("web", "old")
            .With(snapshot =>
                snapshot with
                {
                    Pods = snapshot.Pods.SetItem(
                        new ObjectName("shop", "old-0"),
                        snapshot.Pods[new ObjectName("shop", "old-0")] with
                        {
                            CanShareLimits = false,
                        }
                    ),
                }
            )
            .Limit("rl", Shared(To("web"), To("old")))
            .Translate();

        IsShared(result, "web").ShouldBeTrue();
        IsShared(result, "old").ShouldBeFalse();
        result
            .Verdict("RateLimit", "rl")
            .Accepted.Message.ShouldContain(
                "Some pods count alone, because an operator injected them that could not share limits: old-0; restart them."
            );
    }

    [Fact]
    public void Of_two_policies_for_other_pods_the_older_is_shared_and_the_status_of_the_younger_says_that_it_is_not()
    {
        var result = Cluster
            .Create("web", "api")
            .Ports("web", ("http", 80), ("http-admin", 81))
            .Limit("older", Shared(To("web", "http"), To("api")))
            .Limit("younger", Shared(To("web", "http-admin")), created: 1)
            .Translate();

        IsShared(result, "web", port: 0).ShouldBeTrue();
        IsShared(result, "web", port: 1).ShouldBeFalse();
        result
            .Verdict("RateLimit", "younger")
            .Accepted.Message.ShouldContain(
                "Some pods count alone, because they share the limits of RateLimit shop/older, which is older and is for other pods: "
                    + "web-0; give both policies the same targets or the same selector."
            );
    }

    [Fact]
    public void Two_policies_for_the_same_pods_are_both_shared()
    {
        var result = Cluster
            .Create("web")
            .Ports("web", ("http", 80), ("http-admin", 81))
            .Limit("a", Shared(To("web", "http")))
            .Limit("b", Shared(To("web", "http-admin")), created: 1)
            .Translate();

        IsShared(result, "web", port: 0).ShouldBeTrue();
        IsShared(result, "web", port: 1).ShouldBeTrue();
    }

    [Fact]
    public void Burst_of_which_a_pod_has_less_than_a_request_is_reported_with_the_least_that_is_needed()
    {
        var spec = Shared(To("web"), To("api"));
        spec.Limits![0].Burst = 5;
        spec.Limits[0].Cost = new RateLimitCost { Requests = 3 };

        var result = Cluster.Create("web", "api").Limit("rl", spec).Translate();

        result
            .Verdict("RateLimit", "rl")
            .Accepted.Message.ShouldContain(
                "spec.limits[0]: each of the 2 pods has less than one request of the burst of 5, so all requests are refused; "
                    + "set burst to at least 6."
            );
    }
}
