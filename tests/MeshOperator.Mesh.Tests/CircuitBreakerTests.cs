using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using Shouldly;
using Xunit;
using static MeshOperator.Mesh.Tests.Cluster;

namespace MeshOperator.Mesh.Tests;

public sealed class CircuitBreakerTests
{
    [Fact]
    public void Bounds_are_those_of_the_services_cluster()
    {
        var result = Create("web", "other")
            .Breaker(
                "cb",
                new CircuitBreakerSpec
                {
                    TargetRefs = [To("web")],
                    MaxConnections = 100,
                    MaxRequests = 50,
                    OutlierDetection = new OutlierDetectionSpec { Consecutive5xx = 7, Interval = "5s" },
                }
            )
            .Translate();
        result
            .Port("web")
            .Connection.Breaker.ShouldBe(
                new BreakerSettings(100, null, 50, null, new OutlierDetection(7, 0, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), 50))
            );
        result.Port("web").ClusterPolicies.ShouldBe([new PolicyKey("CircuitBreaker", "shop", "cb")]);
        result.Port("other").Connection.Breaker.ShouldBeNull();
    }

    [Fact]
    public void Gateway_errors_alone_count_when_only_they_are_given()
    {
        var result = Create("web")
            .Breaker(
                "cb",
                new CircuitBreakerSpec
                {
                    TargetRefs = [To("web")],
                    OutlierDetection = new OutlierDetectionSpec { ConsecutiveGatewayErrors = 3 },
                }
            )
            .Translate();
        var outliers = result.Port("web").Connection.Breaker!.Outliers!;
        (outliers.Consecutive5xx, outliers.ConsecutiveGatewayErrors).ShouldBe((0, 3));
    }

    [Fact]
    public void The_ports_own_wins_over_the_services_and_of_two_on_one_target_the_older()
    {
        var result = Create("web")
            .Breaker("service", new CircuitBreakerSpec { TargetRefs = [To("web")], MaxRequests = 1 })
            .Breaker("port", new CircuitBreakerSpec { TargetRefs = [To("web", "http")], MaxRequests = 2 }, created: 1)
            .Breaker("younger", new CircuitBreakerSpec { TargetRefs = [To("web", "http")], MaxRequests = 3 }, created: 2)
            .Translate();
        result.Port("web").Connection.Breaker!.MaxRequests.ShouldBe(2);
        result.Verdict("CircuitBreaker", "younger").Accepted.Message.ShouldContain("CircuitBreaker shop/port is older");
    }

    [Fact]
    public void One_that_loses_a_target_to_an_older_one_holds_for_its_others_and_says_so()
    {
        var result = Create("web", "cart")
            .Breaker("older", new CircuitBreakerSpec { TargetRefs = [To("web")], MaxRequests = 1 })
            .Breaker("younger", new CircuitBreakerSpec { TargetRefs = [To("web"), To("cart")], MaxRequests = 2 }, created: 1)
            .Breaker("loser", new CircuitBreakerSpec { TargetRefs = [To("cart")], MaxRequests = 3 }, created: 2)
            .Translate();
        result.Port("cart").Connection.Breaker!.MaxRequests.ShouldBe(2);
        var younger = result.Verdict("CircuitBreaker", "younger");
        (younger.Accepted.Reason, younger.InEffect).ShouldBe(("Conflicted", true));
        younger.Accepted.Message.ShouldEndWith("the policy still applies to its other targets");
        result.Verdict("CircuitBreaker", "loser").InEffect.ShouldBeFalse();
    }

    [Fact]
    public void That_of_a_split_service_holds_for_the_backends_that_have_none_of_their_own()
    {
        var result = Create("web", "v1", "v2")
            .Split("s", new TrafficSplitSpec { Service = "web", Backends = [Backend("v1"), Backend("v2")] })
            .Breaker("root", new CircuitBreakerSpec { TargetRefs = [To("web")], MaxRequests = 10 })
            .Breaker("own", new CircuitBreakerSpec { TargetRefs = [To("v2")], MaxRequests = 20 }, created: 1)
            .Translate();
        result.Port("v1").Connection.Breaker!.MaxRequests.ShouldBe(10);
        result.Port("v2").Connection.Breaker!.MaxRequests.ShouldBe(20);
    }

    [Fact]
    public void A_named_number_of_retries_takes_the_place_of_a_default_budget_and_not_of_a_named_one()
    {
        var breaker = new CircuitBreakerSpec { TargetRefs = [To("web")], MaxRetries = 1 };
        Create("web")
            .Breaker("cb", breaker)
            .Retry("r", new RetryPolicySpec { TargetRefs = [To("web")] })
            .Translate()
            .Port("web")
            .Connection.Budget.ShouldBeNull();
        Create("web")
            .Breaker("cb", breaker)
            .Retry(
                "r",
                new RetryPolicySpec
                {
                    TargetRefs = [To("web")],
                    Budget = new RetryBudgetSpec { Percent = 10 },
                }
            )
            .Translate()
            .Port("web")
            .Connection.Budget.ShouldBe(new RetryBudget(10, 25));
    }

    [Fact]
    public void A_missing_service_is_reported()
    {
        var verdict = Create("web")
            .Breaker("cb", new CircuitBreakerSpec { TargetRefs = [To("gone")], MaxRequests = 1 })
            .Translate()
            .Verdict("CircuitBreaker", "cb");
        verdict.Accepted.Reason.ShouldBe("TargetNotFound");
        verdict.Accepted.Message.ShouldBe("spec.targetRefs[0]: the service 'gone' does not exist in namespace 'shop'");
    }
}
