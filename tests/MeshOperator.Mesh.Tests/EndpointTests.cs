using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests;

public sealed class EndpointTests
{
    [Fact]
    public void An_endpoint_that_stands_in_several_slices_is_taken_from_the_first_by_name()
    {
        static EndpointSliceRecord Slice(string zone) =>
            new("web", [new SlicePort("http", 8080)], [new EndpointRecord(["10.0.0.1"], true, "web-0", zone)]);
        var result = Cluster
            .Create("web")
            .With(s =>
                s with
                {
                    EndpointSlices = s
                        .EndpointSlices.Clear()
                        .AddRange(
                            Enumerable.Range(1, 9).Select(i => KeyValuePair.Create(new ObjectName("shop", $"web-{i}"), Slice($"zone-{i}")))
                        ),
                }
            )
            .Translate();
        result.Port("web").Endpoints.ShouldHaveSingleItem().Zone.ShouldBe("zone-1");
    }

    [Fact]
    public void The_namespace_of_a_target_decides_which_pod_an_endpoint_is()
    {
        var result = Far(new EndpointRecord(["10.0.9.1"], true, "web-0", null) { PodNamespace = "depot" }).Translate();
        var endpoint = result.Port("web").Endpoints.ShouldHaveSingleItem();
        endpoint.Identity.ShouldBe("spiffe://cluster.local/ns/depot/sa/far");
        endpoint.Workload.ShouldBe(Depot);
        result.Model.Workloads[Depot].Inbound.Find(8080)!.Protocol.ShouldBe(PortProtocol.Http);
        result.Model.Workloads[new WorkloadName("shop", "web-0")].Inbound.Find(8080).ShouldBeNull();
    }

    [Theory]
    [InlineData("10.0.9.1")]
    [InlineData("fd00::9:1")]
    public void An_endpoint_without_a_target_is_the_pod_of_the_mesh_with_its_address(string address)
    {
        var result = Far(new EndpointRecord([address], true, null, null)).Translate();
        var endpoint = result.Port("web").Endpoints.ShouldHaveSingleItem();
        endpoint.Identity.ShouldBe("spiffe://cluster.local/ns/depot/sa/far");
        result.Model.Workloads[Depot].Inbound.Find(8080).ShouldNotBeNull();
    }

    [Theory]
    [InlineData("8080")]
    [InlineData("*")]
    public void An_endpoint_of_another_namespace_that_excludes_the_port_is_called_in_plaintext(string ports)
    {
        var pod = new ObjectName("depot", "web-0");
        foreach (var name in new[] { "web-0", null })
        {
            var result = Far(new EndpointRecord(["10.0.9.1"], true, name, null) { PodNamespace = "depot" })
                .With(s => s with { Pods = s.Pods.SetItem(pod, s.Pods[pod] with { DirectPorts = ports }) })
                .Translate();
            result.Port("web").Endpoints.ShouldHaveSingleItem().Identity.ShouldBeNull();
        }
    }

    [Fact]
    public void A_service_of_another_namespace_has_no_say_of_a_port_of_which_one_of_the_pods_own_has()
    {
        var result = Far(new EndpointRecord(["10.0.9.1"], true, "web-0", null) { PodNamespace = "depot" })
            .With(s =>
                s with
                {
                    Services = s.Services.Add(
                        new ObjectName("depot", "own"),
                        new ServiceRecord(["10.96.9.9"], [new ServicePortRecord("tcp-db", 1, null)], false)
                    ),
                    EndpointSlices = s.EndpointSlices.Add(
                        new ObjectName("depot", "own-1"),
                        new EndpointSliceRecord(
                            "own",
                            [new SlicePort("tcp-db", 8080)],
                            [new EndpointRecord(["10.0.9.1"], true, "web-0", null)]
                        )
                    ),
                }
            )
            .Translate();
        result.Model.Workloads[Depot].Inbound.Find(8080)!.Protocol.ShouldBe(PortProtocol.Tcp);
    }

    [Theory]
    [InlineData(true, "10.0.0.1")]
    [InlineData(false, "10.0.0.2")]
    public void Endpoints_that_end_but_still_answer_take_traffic_where_none_is_ready(bool isOneReady, string expected)
    {
        Slices(false, new EndpointRecord(["10.0.0.1"], isOneReady, "web-0", null), Ending("10.0.0.2"), NotReady("10.0.0.3"))
            .Port("web")
            .Endpoints.Select(e => e.Address)
            .ShouldBe([expected]);
    }

    [Fact]
    public void Clients_of_a_headless_service_stay_at_an_endpoint_that_ends()
    {
        var endpoints = Slices(true, new EndpointRecord(["10.0.0.1"], true, "web-0", null), Ending("10.0.0.2"), NotReady("10.0.0.3"))
            .Port("web")
            .Endpoints;
        endpoints.Select(e => (e.Address, e.IsDraining)).ShouldBe([("10.0.0.1", false), ("10.0.0.2", true)]);
        Slices(true, Ending("10.0.0.2")).Port("web").Endpoints.ShouldHaveSingleItem().IsDraining.ShouldBeFalse();
    }

    private static WorkloadName Depot => new("depot", "web-0");

    /// <summary>A service whose endpoint is not a pod of its own namespace, though there is one of that name there too.</summary>
    private static Cluster Far(EndpointRecord endpoint) =>
        Cluster
            .Create("web")
            .With(s =>
                s with
                {
                    EndpointSlices = s.EndpointSlices.SetItem(
                        new ObjectName("shop", "web-1"),
                        new EndpointSliceRecord("web", [new SlicePort("http", 8080)], [endpoint])
                    ),
                    Pods = s.Pods.Add(
                        new ObjectName("depot", "web-0"),
                        new PodRecord("far", HasProxy: true, []) { Address = "10.0.9.1", OtherAddress = "fd00::9:1" }
                    ),
                }
            );

    private static TranslationResult Slices(bool isHeadless, params EndpointRecord[] endpoints) =>
        Cluster
            .Create("web")
            .With(s =>
                s with
                {
                    Services = isHeadless
                        ? s.Services.SetItem(
                            new ObjectName("shop", "web"),
                            s.Services[new ObjectName("shop", "web")] with
                            {
                                ClusterIps = [],
                            }
                        )
                        : s.Services,
                    EndpointSlices = s.EndpointSlices.SetItem(
                        new ObjectName("shop", "web-1"),
                        new EndpointSliceRecord("web", [new SlicePort("http", 8080)], [.. endpoints])
                    ),
                }
            )
            .Translate();

    private static EndpointRecord Ending(string address) => NotReady(address) with { IsServingTerminating = true };

    private static EndpointRecord NotReady(string address) => new([address], false, null, null);
}
