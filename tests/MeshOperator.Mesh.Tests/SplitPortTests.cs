using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Translation;
using MeshOperator.Mesh.Verdicts;
using Shouldly;
using Xunit;
using static MeshOperator.Mesh.Tests.Cluster;

namespace MeshOperator.Mesh.Tests;

/// <summary>Which ports a split holds for, and which of its backends' ports it leads to.</summary>
public sealed class SplitPortTests
{
    private static readonly (string, int)[] Three = [("http", 80), ("http-metrics", 9090), ("mysql", 3306)];

    private static Cluster Web(TrafficSplitSpec split) =>
        Cluster.Create("web", "v1", "v2").Ports("web", Three).Ports("v1", Three).Split("canary", split);

    private static TrafficSplitSpec Canary(int? port = null) =>
        new()
        {
            Service = "web",
            Port = port,
            Backends = [Backend("v1", 9), Backend("v2", 1)],
        };

    private static string Targets(HttpRoute route) =>
        string.Join(", ", route.Backends.Select(b => b.Target is { } t ? $"{t.Service.Name}:{t.Port}" : "missing"));

    [Fact]
    public void Of_several_ports_none_goes_to_a_backends_only_port_but_the_one_with_its_number_or_name()
    {
        var result = Web(Canary()).Translate();
        Targets(result.Port("web", 80).Routes[0]).ShouldBe("v1:80, v2:80");
        Targets(result.Port("web", 9090).Routes[0]).ShouldBe("v1:9090, missing");
        result.Port("web", 3306).TcpBackends.Select(b => b.Target?.Port).ShouldBe([3306, null]);
        result.Verdict("TrafficSplit", "canary").ResolvedRefs.Reason.ShouldBe("PortNotFound");
        result
            .Verdict("TrafficSplit", "canary")
            .ResolvedRefs.Message.ShouldStartWith(
                "spec.backends[1]: the service 'v2' has no TCP port 9090 (it has 80); set the backend's port, or set spec.port if the "
                    + "split is not for port 9090"
            );
    }

    [Fact]
    public void A_port_that_no_backend_has_is_not_split()
    {
        var result = Web(Canary()).Ports("v1", ("web", 81), ("http-metrics", 9091)).Ports("v2", ("http-metrics", 1)).Translate();
        Targets(result.Port("web", 80).Routes.ShouldHaveSingleItem()).ShouldBe("web:80");
        Targets(result.Port("web", 9090).Routes.ShouldHaveSingleItem()).ShouldBe("v1:9091, v2:1");
        result.Port("web", 3306).TcpBackends.ShouldHaveSingleItem().Target!.Service.Name.ShouldBe("web");
        result.Port("web", 80).RoutePolicies.ShouldBeEmpty();
        result.Verdict("TrafficSplit", "canary").ResolvedRefs.Holds.ShouldBeTrue();
    }

    [Fact]
    public void A_split_whose_backends_have_none_of_the_ports_holds_for_all_and_says_so()
    {
        var result = Web(Canary()).Ports("v1", ("x", 1), ("y", 2)).Ports("v2", ("z", 3)).Translate();
        Targets(result.Port("web", 80).Routes[0]).ShouldBe("missing, missing");
        result.Verdict("TrafficSplit", "canary").ResolvedRefs.Reason.ShouldBe("PortNotFound");
    }

    [Fact]
    public void A_mirror_does_not_say_which_ports_a_split_is_for()
    {
        var result = Web(
                new TrafficSplitSpec
                {
                    Service = "web",
                    Rules =
                    [
                        new TrafficSplitRule
                        {
                            Backends = [Backend("v2")],
                            Mirror = new RequestMirror { Service = "v1" },
                        },
                    ],
                }
            )
            .Translate();
        Targets(result.Port("web", 9090).Routes.ShouldHaveSingleItem()).ShouldBe("web:9090");
        result.Port("web", 80).Routes.ShouldHaveSingleItem().Mirror!.Target.Service.Name.ShouldBe("v1");
        result.Verdict("TrafficSplit", "canary").ResolvedRefs.Holds.ShouldBeTrue();
    }

    [Fact]
    public void A_backends_only_port_is_meant_where_one_port_is_split()
    {
        Targets(Web(Canary(port: 9090)).Translate().Port("web", 9090).Routes[0]).ShouldBe("v1:9090, v2:80");
        Targets(Web(Canary()).Ports("web", ("other", 8000)).Ports("v1", ("http", 81)).Translate().Port("web", 8000).Routes[0])
            .ShouldBe("v1:81, v2:80");
    }

    [Fact]
    public void A_backend_that_names_its_port_has_it_for_all_ports_of_the_split()
    {
        var result = Web(new TrafficSplitSpec { Service = "web", Backends = [Backend("v2", port: 80)] }).Translate();
        Targets(result.Port("web", 80).Routes[0]).ShouldBe("v2:80");
        Targets(result.Port("web", 9090).Routes[0]).ShouldBe("v2:80");
    }

    [Fact]
    public void Requests_that_are_sent_to_a_port_of_opaque_bytes_are_reported_and_go_there_all_the_same()
    {
        var result = Cluster
            .Create("web")
            .Service("cache", "redis", 6379)
            .Split("s", new TrafficSplitSpec { Service = "web", Backends = [Backend("web", 9), Backend("cache")] })
            .Translate();
        Targets(result.Port("web").Routes[0]).ShouldBe("web:80, cache:6379");
        result
            .Verdict("TrafficSplit", "s")
            .ResolvedRefs.ShouldBe(
                new Finding(
                    false,
                    "UnsupportedProtocol",
                    "spec.backends[1]: port 6379 of the service 'cache' is TCP, but requests to port 80 of 'web' are sent there as "
                        + "HTTP; declare the port's protocol with appProtocol if it is HTTP, or choose another port"
                )
            );
    }

    [Fact]
    public void A_port_number_that_does_not_exist_is_reported_and_of_which_port_it_is_the_target()
    {
        static string Message(TrafficSplitSpec split) =>
            Cluster.Create("web", "v1").Split("s", split).Translate().Verdict("TrafficSplit", "s").ResolvedRefs.Message;
        Message(new TrafficSplitSpec { Service = "web", Backends = [Backend("v1", port: 8080)] })
            .ShouldBe("spec.backends[0]: the service 'v1' has no TCP port 8080 (it has 80; 8080 is the targetPort of 80)");
        Message(new TrafficSplitSpec { Service = "web", Backends = [Backend("v1", port: 81)] })
            .ShouldBe("spec.backends[0]: the service 'v1' has no TCP port 81 (it has 80)");
        Message(
                new TrafficSplitSpec
                {
                    Service = "web",
                    Port = 8080,
                    Backends = [Backend("v1")],
                }
            )
            .ShouldBe("spec.port: the service 'web' has no TCP port 8080 (it has 80; 8080 is the targetPort of 80)");
        Cluster
            .Create("web", "v1")
            .Ports("v1", ("a", 1), ("b", 2))
            .Split("s", new TrafficSplitSpec { Service = "web", Backends = [Backend("v1")] })
            .Translate()
            .Verdict("TrafficSplit", "s")
            .ResolvedRefs.Message.ShouldBe("spec.backends[0]: the service 'v1' has no TCP port 80 (it has 1, 2); set the backend's port");
    }

    [Fact]
    public void Bytes_may_go_to_a_port_of_any_protocol()
    {
        var result = Cluster
            .Create("web")
            .Service("cache", "redis", 6379)
            .Split("s", new TrafficSplitSpec { Service = "cache", Backends = [Backend("web")] })
            .Translate();
        result.Verdict("TrafficSplit", "s").ResolvedRefs.Holds.ShouldBeTrue();
    }

    [Theory]
    [InlineData("http", "", true)]
    [InlineData("", "http", true)]
    [InlineData("grpc", "http2", true)]
    [InlineData("http", "grpc", false)]
    [InlineData("", "http2", false)]
    public void Sessions_are_kept_over_backends_that_are_spoken_to_in_the_same_way(string root, string backend, bool isPool)
    {
        var result = new Cluster()
            .Service("web", root, 7000)
            .Service("v1", root, 7000)
            .Service("v2", backend, 7000)
            .Split(
                "s",
                new TrafficSplitSpec
                {
                    Service = "web",
                    Rules =
                    [
                        new TrafficSplitRule
                        {
                            Sticky = new StickySessions { SourceIP = true },
                            Backends = [Backend("v1"), Backend("v2")],
                        },
                    ],
                }
            )
            .Translate();
        result.Port("web").Pools.Count.ShouldBe(isPool ? 1 : 0);
        result.Verdict("TrafficSplit", "s").ResolvedRefs.Holds.ShouldBe(isPool);
    }

    [Fact]
    public void Sessions_that_are_kept_only_within_each_backend_are_reported()
    {
        var result = Cluster
            .Create("web", "v1")
            .Service("v2", "grpc")
            .Split(
                "s",
                new TrafficSplitSpec
                {
                    Service = "web",
                    Rules =
                    [
                        new TrafficSplitRule
                        {
                            Sticky = new StickySessions { Header = "x-user" },
                            Backends = [Backend("v1"), Backend("v2")],
                        },
                    ],
                }
            )
            .Translate();
        result
            .Verdict("TrafficSplit", "s")
            .ResolvedRefs.ShouldBe(
                new Finding(
                    false,
                    "UnsupportedProtocol",
                    "spec.rules[0].sticky: sessions are kept only within each backend, because port 80 of the service 'v2' is gRPC "
                        + "and port 80 of 'web' is HTTP; declare the same appProtocol on the ports of the service and of all backends"
                )
            );
    }
}
