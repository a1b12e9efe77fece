using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation;
using MeshOperator.Mesh.Verdicts;
using Shouldly;
using Xunit;
using static MeshOperator.Mesh.Tests.Cluster;
using SpecLimit = MeshOperator.Api.Policies.RequestLimit;

namespace MeshOperator.Mesh.Tests;

/// <summary>What valid policies say that have no effect, as others hold in their place or there is nobody to have them.</summary>
public sealed class OverriddenPolicyTests
{
    private static readonly PolicyTargetReference Canary = new() { Kind = PolicyTargetKind.TrafficSplit, Name = "canary" };

    private static Cluster Split() =>
        Cluster.Create("web", "v1").Split("canary", new TrafficSplitSpec { Service = "web", Backends = [Backend("v1")] });

    private static RetryPolicySpec Retry(PolicyTargetReference target, string? connect = null) =>
        new() { TargetRefs = [target], Timeouts = connect is null ? null : new RetryTimeouts { Connect = connect } };

    private static RateLimitSpec Limit(params PolicyTargetReference[] targets) =>
        new() { TargetRefs = [.. targets], Limits = [new SpecLimit { Requests = 1 }] };

    private static RateLimitSpec Selected(string app) =>
        new()
        {
            Selector = new PodLabelSelector { MatchLabels = { ["app"] = app } },
            Limits = [new SpecLimit { Requests = 1 }],
        };

    private static MtlsPolicySpec Mtls(string app) => new() { Selector = new PodLabelSelector { MatchLabels = { ["app"] = app } } };

    [Fact]
    public void A_retry_policy_says_that_a_more_specific_one_holds_for_all_its_requests()
    {
        var verdict = Split()
            .Retry("service", Retry(To("web")))
            .Retry("split", Retry(Canary))
            .Translate()
            .Verdict("RetryPolicy", "service");
        verdict.Accepted.ShouldBe(
            new Finding(
                true,
                "Accepted",
                "The policy is valid, but overridden for all requests by RetryPolicy shop/split, which is more specific; delete one "
                    + "of them or choose another target"
            )
        );
        verdict.NoEffect.ShouldBe(
            new Finding(
                false,
                "Overridden",
                "The policy is overridden for all requests by RetryPolicy shop/split, which is more specific; delete one of them or "
                    + "choose another target"
            )
        );
        verdict.InEffect.ShouldBeFalse();
    }

    [Fact]
    public void A_retry_policy_that_holds_for_some_requests_is_just_accepted()
    {
        var rule = new TrafficSplitRule
        {
            Name = "get",
            Matches = [new HttpRequestMatch { Method = "GET" }],
            Backends = [Backend("v1")],
        };
        var result = Cluster
            .Create("web", "v1")
            .Split("canary", new TrafficSplitSpec { Service = "web", Rules = [rule] })
            .Retry("service", Retry(To("web")))
            .Retry(
                "rule",
                Retry(
                    new PolicyTargetReference
                    {
                        Kind = PolicyTargetKind.TrafficSplit,
                        Name = "canary",
                        SectionName = "get",
                    }
                )
            )
            .Translate();
        var verdict = result.Verdict("RetryPolicy", "service");
        verdict.Accepted.Message.ShouldStartWith("The policy is valid. ");
        (verdict.NoEffect, verdict.InEffect).ShouldBe((null, true));
    }

    [Fact]
    public void What_a_retry_policy_says_of_connections_holds_where_its_requests_are_anothers()
    {
        var verdict = Split()
            .Retry("service", Retry(To("web"), connect: "1s"))
            .Retry("split", Retry(Canary))
            .Translate()
            .Verdict("RetryPolicy", "service");
        verdict.Accepted.Message.ShouldContain("only its budget and its connection timeouts are in effect");
        (verdict.NoEffect, verdict.InEffect).ShouldBe((null, true));
    }

    [Fact]
    public void A_retry_policy_on_a_port_overrides_that_on_the_service()
    {
        var result = Cluster.Create("web").Retry("service", Retry(To("web"))).Retry("port", Retry(To("web", "http"))).Translate();
        result.Verdict("RetryPolicy", "service").NoEffect!.Message.ShouldContain("by RetryPolicy shop/port, which is more specific");
        result.Verdict("RetryPolicy", "port").NoEffect.ShouldBeNull();
    }

    [Fact]
    public void A_rate_limit_says_which_ports_a_more_specific_one_has()
    {
        var result = Cluster
            .Create("web")
            .Ports("web", ("http", 80), ("http-admin", 81))
            .Limit("service", Limit(To("web")))
            .Limit("port", Limit(To("web", "http-admin")))
            .Translate();
        var verdict = result.Verdict("RateLimit", "service");
        verdict.Accepted.ShouldBe(
            new Finding(
                true,
                "Accepted",
                "The policy is valid, but overridden by RateLimit shop/port, which is more specific, on port 1081 of the pod 'web-0'"
            )
        );
        (verdict.NoEffect, verdict.InEffect).ShouldBe((null, true));
    }

    [Fact]
    public void Of_two_rate_limits_on_services_of_the_same_pods_the_younger_says_that_the_older_holds()
    {
        var result = Cluster
            .Create("web", "alias")
            .With(s =>
                s with
                {
                    EndpointSlices = s.EndpointSlices.SetItem(
                        new ObjectName("shop", "alias-1"),
                        s.EndpointSlices[new ObjectName("shop", "web-1")] with
                        {
                            Service = "alias",
                        }
                    ),
                }
            )
            .Limit("old", Limit(To("web")))
            .Limit("young", Limit(To("alias")), created: 1)
            .Translate();
        result
            .Verdict("RateLimit", "young")
            .NoEffect.ShouldBe(
                new Finding(
                    false,
                    "Overridden",
                    "The policy is overridden by RateLimit shop/old, which is older, on port 8080 of the pod 'web-0'; delete one of "
                        + "them or choose other targets"
                )
            );
        result.Verdict("RateLimit", "old").Accepted.Message.ShouldBe("The policy is valid.");
    }

    [Fact]
    public void A_rate_limit_with_a_selector_says_that_one_on_the_service_holds()
    {
        var result = Cluster.Create("web").Limit("pods", Selected("web")).Limit("service", Limit(To("web")), created: 1).Translate();
        result.Verdict("RateLimit", "pods").NoEffect!.Message.ShouldContain("by RateLimit shop/service, which is more specific");
    }

    [Fact]
    public void A_selector_that_selects_no_pod_says_so()
    {
        var result = Cluster.Create("web").Mtls("m", Mtls("wbe")).Limit("r", Selected("wbe")).Translate();
        var idle = new Finding(false, "NoProxies", "The selector matches no pod of the namespace 'shop'; use labels that the pods have.")
        {
            IsUnknown = true,
        };
        result.Verdict("MtlsPolicy", "m").NoEffect.ShouldBe(idle);
        result.Verdict("RateLimit", "r").NoEffect.ShouldBe(idle);
        result.Verdict("MtlsPolicy", "m").Accepted.Holds.ShouldBeTrue();
    }

    [Fact]
    public void A_selector_of_pods_without_the_sidecar_says_so()
    {
        var result = new Cluster().Service("web", meshed: false).Mtls("m", Mtls("web")).Translate();
        result
            .Verdict("MtlsPolicy", "m")
            .NoEffect!.Message.ShouldBe(
                "The policy selects the pod 'web-0', but no pod that has a sidecar; label the namespace 'shop' with "
                    + "meshoperator.io/injection: enabled, or the pods with meshoperator.io/inject: \"true\", and recreate the pods."
            );
        Cluster.Create("web").Mtls("m", Mtls("web")).Translate().Verdict("MtlsPolicy", "m").NoEffect.ShouldBeNull();
    }

    [Fact]
    public void A_selector_of_pods_whose_connections_pass_by_the_sidecar_says_so()
    {
        var name = new ObjectName("shop", "web-0");
        var result = Cluster
            .Create("web")
            .With(s => s with { Pods = s.Pods.SetItem(name, s.Pods[name] with { DirectPorts = "*" }) })
            .Mtls("m", Mtls("web"))
            .Translate();
        result.Verdict("MtlsPolicy", "m").NoEffect!.Message.ShouldContain("whose connections bypass the sidecar");
    }
}
