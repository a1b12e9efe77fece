using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using Shouldly;
using Xunit;
using static MeshOperator.Mesh.Tests.Cluster;

namespace MeshOperator.Mesh.Tests;

public sealed class ServiceShapeTests
{
    private static readonly ObjectName Web = new("shop", "web");

    private static EndpointSliceRecord Slice(params EndpointRecord[] endpoints) =>
        new("web", [new SlicePort("http", 8080)], [.. endpoints]);

    private static EndpointRecord Endpoint(string address, string? pod) => new([address], true, pod, null);

    [Fact]
    public void A_service_without_a_cluster_ip_is_headless()
    {
        var result = Create("web")
            .With(s => s with { Services = s.Services.SetItem(Web, s.Services[Web] with { ClusterIps = [] }) })
            .Translate();
        result.Port("web").IsHeadless.ShouldBeTrue();
        Create("web").Translate().Port("web").IsHeadless.ShouldBeFalse();
    }

    [Theory]
    [InlineData("10.96.0.1", "10.0.0.1", "fd00::1")]
    [InlineData("fd00:96::1", "fd00::1", "10.0.0.1")]
    public void A_pod_with_addresses_of_both_families_is_one_endpoint_at_the_services_first_family(
        string clusterIp,
        string main,
        string other
    )
    {
        var result = Create("web")
            .With(s =>
                s with
                {
                    Services = s.Services.SetItem(Web, s.Services[Web] with { ClusterIps = [clusterIp] }),
                    EndpointSlices = s
                        .EndpointSlices.SetItem(
                            new ObjectName("shop", "web-1"),
                            Slice(Endpoint("10.0.0.1", "web-0"), Endpoint("10.0.0.9", null))
                        )
                        .SetItem(new ObjectName("shop", "web-6"), Slice(Endpoint("fd00::1", "web-0"))),
                }
            )
            .Translate();
        var endpoints = result.Port("web").Endpoints;
        endpoints
            .Single(e => e.OtherAddress is not null)
            .ShouldBe(
                new MeshEndpoint(main, 8080, "spiffe://cluster.local/ns/shop/sa/web-account", null)
                {
                    OtherAddress = other,
                    Workload = new WorkloadName("shop", "web-0"),
                }
            );
        endpoints.Select(e => e.Address).ShouldBe(new[] { main, "10.0.0.9" }, ignoreOrder: true);
    }

    [Fact]
    public void Endpoints_without_a_pod_are_called_in_plaintext()
    {
        var result = Create("web")
            .With(s =>
                s with
                {
                    EndpointSlices = s.EndpointSlices.SetItem(new ObjectName("shop", "web-1"), Slice(Endpoint("192.0.2.1", null))),
                }
            )
            .Translate();
        result.Port("web").Endpoints.ShouldBe([new MeshEndpoint("192.0.2.1", 8080, null, null)]);
    }

    [Fact]
    public void Its_node_takes_clients_to_an_endpoint_at_the_first_of_its_addresses()
    {
        string? NodeAddress(Func<ServiceRecord, ServiceRecord> change, bool hasNodes = true) =>
            Create("web")
                .With(s => s with { HasNodes = hasNodes, Services = s.Services.SetItem(Web, change(s.Services[Web])) })
                .Translate()
                .Port("web")
                .NodeAddress;

        NodeAddress(service => service with { ClusterIps = ["10.96.0.1", "fd00:96::1"] }).ShouldBe("10.96.0.1");
        NodeAddress(service => service with { ClusterIps = [] }).ShouldBeNull();
        NodeAddress(service => service with { StaysOnNode = true }).ShouldBeNull();
        NodeAddress(service => service, hasNodes: false).ShouldBeNull();
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("22,9090", true)]
    [InlineData("22,8080", false)]
    [InlineData("*", false)]
    public void Ports_that_do_not_pass_the_proxy_are_called_in_plaintext(string? directPorts, bool takesMtls)
    {
        var pod = new ObjectName("shop", "web-0");
        var result = Create("web")
            .With(s => s with { Pods = s.Pods.SetItem(pod, s.Pods[pod] with { DirectPorts = directPorts }) })
            .Translate();
        (result.Port("web").Endpoints.ShouldHaveSingleItem().Identity is not null).ShouldBe(takesMtls);
    }

    [Fact]
    public void An_ExternalName_has_no_ports_in_the_mesh_and_policies_on_it_say_so()
    {
        var result = new Cluster()
            .With(s => s with { Services = s.Services.Add(Web, new ServiceRecord([], [new ServicePortRecord("http", 80, null)], true)) })
            .Breaker("cb", new CircuitBreakerSpec { TargetRefs = [To("web")], MaxRequests = 1 })
            .Translate();
        result.Model.Services.ShouldBeEmpty();
        result
            .Verdict("CircuitBreaker", "cb")
            .Accepted.Message.ShouldBe(
                "spec.targetRefs[0]: the service 'web' is an ExternalName, whose traffic does not pass through the mesh"
            );
    }

    [Fact]
    public void A_workload_says_whether_it_has_an_IPv6_address()
    {
        var pod = new ObjectName("shop", "web-0");
        Create("web")
            .With(s => s with { Pods = s.Pods.SetItem(pod, s.Pods[pod] with { HasIpv6 = true }) })
            .Translate()
            .Workload("web")
            .Inbound.HasIpv6.ShouldBeTrue();
        Create("web").Translate().Workload("web").Inbound.HasIpv6.ShouldBeFalse();
    }

    private static TrafficSplitSpec Sticky(params TrafficSplitBackend[] backends) =>
        new()
        {
            Service = "web",
            Rules =
            [
                new TrafficSplitRule
                {
                    Name = "all",
                    Sticky = new StickySessions { Header = "x-user" },
                    Backends = [.. backends],
                },
            ],
        };

    [Fact]
    public void Sticky_sessions_over_several_backends_draw_from_one_pool_by_weight()
    {
        var result = Create("web", "v1", "v2")
            .With(s =>
                s with
                {
                    EndpointSlices = s.EndpointSlices.Add(
                        new ObjectName("shop", "v2-2"),
                        new EndpointSliceRecord("v2", [new SlicePort("http", 8080)], [Endpoint("10.0.0.99", null)])
                    ),
                }
            )
            .Split("s", Sticky(Backend("v1", 90), Backend("v2", 10), Backend("gone", 100)))
            .Translate();
        var port = result.Port("web");
        port.Routes[0].Pool.ShouldBe("all-0");
        port.Pools.ShouldHaveSingleItem()
            .Members.Select(m => (m.Endpoint.Address, m.Weight))
            .ShouldBe([("10.0.0.2", 900_000), ("10.0.0.3", 50_000), ("10.0.0.99", 50_000)]);
    }

    [Fact]
    public void A_backend_without_endpoints_has_no_part_in_a_pool()
    {
        var result = Create("web", "v1").Service("v2", ready: false).Split("s", Sticky(Backend("v1", 90), Backend("v2", 10))).Translate();
        result
            .Port("web")
            .Pools.ShouldHaveSingleItem()
            .Members.Select(m => (m.Endpoint.Address, m.Weight))
            .ShouldBe([("10.0.0.2", 1_000_000)]);
    }

    [Fact]
    public void One_backend_needs_no_pool()
    {
        var result = Create("web", "v1").Split("s", Sticky(Backend("v1"))).Translate();
        result.Port("web").Routes[0].Pool.ShouldBeNull();
        result.Port("web").Pools.ShouldBeEmpty();
    }
}
