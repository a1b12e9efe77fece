using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using Shouldly;
using Xunit;
using static MeshOperator.Mesh.Tests.Cluster;

namespace MeshOperator.Mesh.Tests;

public sealed class TrafficSplitTests
{
    [Fact]
    public void Without_a_split_a_service_goes_to_its_own_endpoints()
    {
        var port = Cluster.Create("web").Translate().Port("web");
        port.Routes.ShouldHaveSingleItem().Backends().ShouldBe("web:1");
        port.Endpoints.ShouldHaveSingleItem()
            .ShouldBe(
                new MeshEndpoint("10.0.0.1", 8080, "spiffe://cluster.local/ns/shop/sa/web-account", null)
                {
                    Workload = new WorkloadName("shop", "web-0"),
                }
            );
    }

    [Fact]
    public void A_split_sends_the_root_services_traffic_to_its_backends_by_weight()
    {
        var result = Cluster
            .Create("model", "model-v1", "model-v2")
            .Split("canary", new TrafficSplitSpec { Service = "model", Backends = [Backend("model-v1", 90), Backend("model-v2", 10)] })
            .Translate();
        result.Port("model").Routes.ShouldHaveSingleItem().Backends().ShouldBe("model-v1:90, model-v2:10");
        result.Port("model").RoutePolicies.ShouldBe([new PolicyKey("TrafficSplit", "shop", "canary")]);
        result.Port("model-v1").Routes.ShouldHaveSingleItem().Backends().ShouldBe("model-v1:1");
        result.Verdict("TrafficSplit", "canary").Accepted.Holds.ShouldBeTrue();
        result.Verdict("TrafficSplit", "canary").ResolvedRefs.Holds.ShouldBeTrue();
    }

    [Fact]
    public void A_backend_that_is_split_itself_is_not_split_again()
    {
        var result = Cluster
            .Create("a", "b", "c")
            .Split("one", new TrafficSplitSpec { Service = "a", Backends = [Backend("b")] })
            .Split("two", new TrafficSplitSpec { Service = "b", Backends = [Backend("a"), Backend("c")] })
            .Translate();
        result.Port("a").Routes.ShouldHaveSingleItem().Backends().ShouldBe("b:1");
        result.Port("b").Routes.ShouldHaveSingleItem().Backends().ShouldBe("a:1, c:1");
    }

    [Fact]
    public void A_missing_backend_keeps_its_share_and_is_named()
    {
        var result = Cluster
            .Create("model", "model-v1")
            .Split("canary", new TrafficSplitSpec { Service = "model", Backends = [Backend("model-v1", 90), Backend("model-v9", 10)] })
            .Translate();
        result.Port("model").Routes.ShouldHaveSingleItem().Backends().ShouldBe("model-v1:90, missing:10");
        var verdict = result.Verdict("TrafficSplit", "canary");
        verdict.Accepted.Holds.ShouldBeTrue();
        verdict.ResolvedRefs.Holds.ShouldBeFalse();
        verdict.ResolvedRefs.Reason.ShouldBe("BackendNotFound");
        verdict.ResolvedRefs.Message.ShouldBe("spec.backends[1]: the service 'model-v9' does not exist in namespace 'shop'");
    }

    [Fact]
    public void Of_many_missing_backends_some_are_named_and_the_others_counted()
    {
        var result = Cluster
            .Create("model")
            .Split(
                "canary",
                new TrafficSplitSpec { Service = "model", Backends = [.. Enumerable.Range(0, 16).Select(i => Backend($"gone-{i}"))] }
            )
            .Translate();
        var message = result.Verdict("TrafficSplit", "canary").ResolvedRefs.Message;
        message.ShouldContain("spec.backends[9]: the service 'gone-9'");
        message.ShouldNotContain("gone-10");
        message.ShouldEndWith("; and 6 more");
    }

    [Fact]
    public void With_redistribute_the_others_take_the_share_of_a_missing_backend()
    {
        var result = Cluster
            .Create("model", "model-v1", "model-v2")
            .Split(
                "canary",
                new TrafficSplitSpec
                {
                    Service = "model",
                    OnMissingBackend = OnMissingBackend.Redistribute,
                    Backends = [Backend("model-v1", 60), Backend("model-v2", 30), Backend("model-v9", 10)],
                }
            )
            .Translate();
        result.Port("model").Routes.ShouldHaveSingleItem().Backends().ShouldBe("model-v1:60, model-v2:30");
        result.Verdict("TrafficSplit", "canary").ResolvedRefs.Holds.ShouldBeFalse();
    }

    [Fact]
    public void Of_two_splits_on_one_service_the_older_wins_and_the_younger_says_so()
    {
        var result = Cluster
            .Create("model", "v1", "v2")
            .Split("a-young", new TrafficSplitSpec { Service = "model", Backends = [Backend("v2")] }, created: 2)
            .Split("b-old", new TrafficSplitSpec { Service = "model", Backends = [Backend("v1")] }, created: 1)
            .Translate();
        result.Port("model").Routes.ShouldHaveSingleItem().Backends().ShouldBe("v1:1");
        var loser = result.Verdict("TrafficSplit", "a-young");
        loser.Accepted.Reason.ShouldBe("Conflicted");
        loser.Accepted.Message.ShouldContain("TrafficSplit shop/b-old is older");
        loser.InEffect.ShouldBeFalse();
        result.Verdict("TrafficSplit", "b-old").Accepted.Holds.ShouldBeTrue();
    }

    [Fact]
    public void A_split_of_a_service_that_does_not_exist_has_no_target()
    {
        var verdict = Cluster
            .Create("web")
            .Split("canary", new TrafficSplitSpec { Service = "nowhere", Backends = [Backend("web")] })
            .Translate()
            .Verdict("TrafficSplit", "canary");
        verdict.Accepted.Reason.ShouldBe("TargetNotFound");
        verdict.Accepted.Message.ShouldContain("'nowhere'");
        verdict.InEffect.ShouldBeFalse();
    }

    [Fact]
    public void A_port_that_a_backend_lacks_is_named_with_those_it_has()
    {
        var result = Cluster
            .Create("model", "v1")
            .Split("canary", new TrafficSplitSpec { Service = "model", Backends = [Backend("v1", port: 9999)] })
            .Translate();
        var refs = result.Verdict("TrafficSplit", "canary").ResolvedRefs;
        refs.Reason.ShouldBe("PortNotFound");
        refs.Message.ShouldContain("no TCP port 9999 (it has 80)");
    }

    [Fact]
    public void An_invalid_change_leaves_the_last_valid_form_in_effect()
    {
        var result = Cluster
            .Create("model", "v1")
            .Split(
                "canary",
                new TrafficSplitSpec { Service = "model", Backends = [Backend("v1")] },
                refusal: "spec.backends[0].weight: -1 is not a weight"
            )
            .Translate();
        result.Port("model").Routes.ShouldHaveSingleItem().Backends().ShouldBe("v1:1");
        var verdict = result.Verdict("TrafficSplit", "canary");
        verdict.Accepted.Reason.ShouldBe("Invalid");
        verdict.Accepted.Message.ShouldBe("spec.backends[0].weight: -1 is not a weight; the last valid version stays in effect");
        verdict.InEffect.ShouldBeTrue();
    }

    [Fact]
    public void Rules_are_ordered_by_how_specific_they_are_and_the_rest_goes_to_the_service()
    {
        var result = Cluster
            .Create("model", "v1", "v2")
            .Split(
                "rules",
                new TrafficSplitSpec
                {
                    Service = "model",
                    Rules =
                    [
                        new TrafficSplitRule
                        {
                            Name = "prefix",
                            Matches = [new HttpRequestMatch { Path = new PathMatch { Value = "/v2" } }],
                            Backends = [Backend("v1")],
                        },
                        new TrafficSplitRule
                        {
                            Name = "tester",
                            Matches =
                            [
                                new HttpRequestMatch
                                {
                                    Path = new PathMatch { Value = "/v2" },
                                    Headers = [new ValueMatch { Name = "X-Tester", Value = "yes" }],
                                },
                                new HttpRequestMatch
                                {
                                    Path = new PathMatch { Type = PathMatchType.Exact, Value = "/" },
                                },
                            ],
                            Backends = [Backend("v2")],
                        },
                    ],
                }
            )
            .Translate();
        result
            .Port("model")
            .Routes.Select(r =>
                $"{r.Name} {r.Match.Path?.Kind} {r.Match.Path?.Value} {r.Match.Headers.FirstOrDefault()?.Name} -> {r.Backends()}"
            )
            .ShouldBe([
                "tester-0 Exact /  -> v2:1",
                "tester-1 Prefix /v2 x-tester -> v2:1",
                "prefix-2 Prefix /v2  -> v1:1",
                "default    -> model:1",
            ]);
    }

    [Fact]
    public void Equal_snapshots_give_equal_models()
    {
        TrafficSplitSpec Spec(int weight) => new() { Service = "model", Backends = [Backend("v1", weight), Backend("v2", 10)] };
        var one = Cluster.Create("model", "v1", "v2").Split("s", Spec(90)).Translate();
        var same = Cluster.Create("model", "v1", "v2").Split("s", Spec(90)).Translate();
        var other = Cluster.Create("model", "v1", "v2").Split("s", Spec(80)).Translate();
        same.Port("model").ShouldBe(one.Port("model"));
        other.Port("model").ShouldNotBe(one.Port("model"));
        other.Port("v1").ShouldBe(one.Port("v1"));
        same.Workload("v1").ShouldBe(one.Workload("v1"));
    }

    [Theory]
    [InlineData("http", 80, null, PortProtocol.Http)]
    [InlineData("http2-web", 80, null, PortProtocol.Http2)]
    [InlineData("grpc-web", 80, null, PortProtocol.Http)]
    [InlineData("tcp-x", 80, null, PortProtocol.Tcp)]
    [InlineData("", 80, null, PortProtocol.Detect)]
    [InlineData("db", 5432, null, PortProtocol.Tcp)]
    [InlineData("db", 5432, "http", PortProtocol.Http)]
    [InlineData("http", 80, "kubernetes.io/h2c", PortProtocol.Http2)]
    [InlineData("http", 80, "example.com/own", PortProtocol.Tcp)]
    public void A_ports_protocol_is_declared_or_named_or_known_or_looked_at(
        string name,
        int port,
        string? appProtocol,
        PortProtocol protocol
    ) => new Cluster().Service("s", name, port, appProtocol).Translate().Port("s").Protocol.ShouldBe(protocol);

    [Fact]
    public void Endpoints_that_are_not_ready_are_left_out() =>
        new Cluster().Service("s", ready: false).Translate().Port("s").Endpoints.ShouldBeEmpty();
}
