using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Registry;
using MeshOperator.Xds.Tests.Support;
using Shouldly;

namespace MeshOperator.Xds.Tests;

/// <summary>Proxies that are connected nowhere, or elsewhere, count for the policies that they would be sent now.</summary>
public sealed class MissingProxyTests
{
    private static readonly WorkloadName First = new("shop", "web-0");
    private static readonly WorkloadName Second = new("shop", "web-1");

    [Fact]
    public async Task Missing_proxy_counts_for_a_policy_that_comes_to_its_workload_and_no_longer_when_it_goes()
    {
        await using var server = await XdsTestServer.StartAsync();
        server.Update(ShopMesh.Model());
        var since = DateTimeOffset.UnixEpoch;
        var expected = new ExpectedProxies(
            [.. server.Registry.GetUnconnected().Workloads.Select(workload => new ExpectedProxy(workload, since, null))],
            server.Registry.Connections
        );
        var api = new WorkloadName("shop", "api-0");
        Missed().ShouldBe([api]);

        server.Update(With(First, ShopMesh.Strict));
        Missed().ShouldBe([api, First], ignoreOrder: true);
        server.Update(With(Second, ShopMesh.Strict));
        Missed().ShouldBe([api, First, Second], ignoreOrder: true);

        // Two changes between two looks.
        server.Update(With(api, ShopMesh.Permissive));
        server.Update(With(First, ShopMesh.Permissive));
        Missed().ShouldBe([Second]);
        server.Update(With(Second, ShopMesh.Permissive));
        Missed().ShouldBeEmpty();

        IEnumerable<WorkloadName> Missed() =>
            server.Registry.GetProgress(ShopMesh.ShopMtls, expected).Unconnected.Select(proxy => proxy.Workload);

        MeshModel With(WorkloadName workload, InboundProfile profile) =>
            server.Model with
            {
                Workloads = server.Model.Workloads.SetItem(workload, server.Model.Workloads[workload] with { Inbound = profile }),
            };
    }

    [Fact]
    public async Task Proxy_of_another_replica_counts_for_a_policy_that_comes_to_its_workload()
    {
        await using var server = await XdsTestServer.StartAsync();
        server.Update(ShopMesh.Model());
        var there = new RemoteReplica(
            "there",
            IsSameVersion: true,
            ReplicaProxies.None with
            {
                Proxies = ReplicaProxies.None.Proxies.Add(First.NodeId, new ReportedProxy(DateTimeOffset.UnixEpoch, 0)),
            }
        );
        var remote = new RemoteProxies([there], new Dictionary<string, RemoteReplica>(), []);
        var expected = new ExpectedProxies([], server.Registry.Connections, remote);
        server.Registry.GetProgress(ShopMesh.ShopMtls, expected).Targeted.ShouldBe(0);

        var workload = server.Model.Workloads[First];
        server.Update(server.Model with { Workloads = server.Model.Workloads.SetItem(First, workload with { Inbound = ShopMesh.Strict }) });

        var progress = server.Registry.GetProgress(ShopMesh.ShopMtls, expected);
        (progress.Targeted, progress.Acknowledged).ShouldBe((1, 0));
    }
}
