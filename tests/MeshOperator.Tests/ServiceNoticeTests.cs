using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation;
using MeshOperator.Statuses;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class ServiceNoticeTests
{
    private static readonly ObjectName Web = new("shop", "web");

    [Theory]
    [InlineData("example.com/custom", true)]
    [InlineData("kubernetes.io/h2c", false)]
    [InlineData("grpc-web", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void A_protocol_that_is_declared_and_not_known_is_reported(string? appProtocol, bool isReported)
    {
        var found = Find(Cluster(new ServiceRecord(["10.96.0.1"], [new ServicePortRecord("web", 80, appProtocol)], false)));
        found.Any(notice => notice.Reason == ServiceNotices.UnknownAppProtocol).ShouldBe(isReported);
        if (isReported)
            found[0].Message.ShouldStartWith("spec.ports: port 80 has the appProtocol 'example.com/custom', which the mesh does not know");
    }

    [Fact]
    public void A_service_of_nodes_that_has_no_endpoint_on_the_node_of_a_caller_is_reported()
    {
        var service = new ServiceRecord(["10.96.0.1"], [new ServicePortRecord("http", 80, null)], false) { StaysOnNode = true };
        var cluster = Cluster(service);
        var notice = Find(cluster).ShouldHaveSingleItem();
        notice.Name.ShouldBe(Web);
        notice.Reason.ShouldBe("NoEndpointOnNode");
        notice.Message.ShouldContain("port 80 has no ready endpoint on node-b.");

        // Pods that are not sent the service do not call it.
        Find(cluster with { Pods = cluster.Pods.SetItem(new("shop", "b"), Pod("node-b") with { Upstreams = "other" }) }).ShouldBeEmpty();
        Find(Cluster(service with { StaysOnNode = false })).ShouldBeEmpty();
    }

    private static List<ObjectNotice> Find(ClusterSnapshot snapshot) =>
        [.. ServiceNotices.Find(snapshot, new MeshTranslator().Translate(snapshot).Model)];

    private static PodRecord Pod(string node) => new("default", HasProxy: true, []) { Node = node };

    private static ClusterSnapshot Cluster(ServiceRecord service) =>
        ClusterSnapshot.Empty with
        {
            Services = ImmutableDictionary<ObjectName, ServiceRecord>.Empty.Add(Web, service),
            EndpointSlices = ImmutableDictionary<ObjectName, EndpointSliceRecord>.Empty.Add(
                new ObjectName("shop", "web-1"),
                new EndpointSliceRecord(
                    "web",
                    [new SlicePort("http", 8080)],
                    [new EndpointRecord(["10.0.0.1"], true, null, null) { Node = "node-a" }]
                )
            ),
            Pods = ImmutableDictionary<ObjectName, PodRecord>
                .Empty.Add(new ObjectName("shop", "a"), Pod("node-a"))
                .Add(new ObjectName("shop", "b"), Pod("node-b")),
        };
}
