using MeshOperator.Testing;
using MeshOperator.Xds.Registry;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Tests.Support;
using Shouldly;

namespace MeshOperator.Xds.Tests;

/// <summary>What a replica makes of another's report about its proxies.</summary>
public sealed class RemoteProxyTests
{
    private const string WebRoute = "outbound/80/web.shop";

    [Fact]
    public async Task A_report_counts_while_both_replicas_serve_the_same()
    {
        await using var here = await XdsTestServer.StartAsync();
        await using var there = await XdsTestServer.StartAsync();
        await using var proxy = new DeltaClient(there.Connect(), ShopMesh.Node);
        await proxy.FetchAsync(ResourceType.Route, WebRoute);
        var report = await ReportAsync(there, behind: false);
        Progress(here, report).ShouldBe((1, 1));

        // This replica has the change, the other has not.
        here.Update(here.Model.WithWebWeights(50, 50));
        Progress(here, report).ShouldBe((1, 0));
        there.Update(there.Model.WithWebWeights(50, 50));
        Progress(here, await ReportAsync(there, behind: true)).ShouldBe((1, 0));
        await proxy.AcknowledgeAsync(await proxy.NextAsync());
        Progress(here, await ReportAsync(there, behind: false)).ShouldBe((1, 1));
    }

    [Fact]
    public async Task A_replica_of_another_version_is_judged_by_the_generation_of_the_policy()
    {
        await using var here = await XdsTestServer.StartAsync();
        await using var there = await XdsTestServer.StartAsync();
        // Another version makes other resources of the same policy.
        there.Update(there.Model.WithWebWeights(50, 50));
        await using var proxy = new DeltaClient(there.Connect(), ShopMesh.Node);
        await proxy.FetchAsync(ResourceType.Route, WebRoute);
        var report = await ReportAsync(there, behind: false);
        report = report with
        {
            Policies = report.Policies.SetItem(ShopMesh.WebSplit, report.Policies[ShopMesh.WebSplit] with { Generation = 7 }),
        };

        Progress(here, report, isSameVersion: false, generation: 7).ShouldBe((1, 1));
        Progress(here, report, isSameVersion: false, generation: 8).ShouldBe((1, 0));
        Progress(here, report, isSameVersion: true, generation: 7).ShouldBe((1, 0));
    }

    [Fact]
    public async Task A_proxy_that_both_replicas_report_counts_where_it_connected_last()
    {
        await using var here = await XdsTestServer.StartAsync();
        await using var there = await XdsTestServer.StartAsync();
        await using var old = new DeltaClient(here.Connect(), ShopMesh.Node);
        await old.FetchAsync(ResourceType.Route, WebRoute);
        await Eventually.Succeeds(() => Progress(here, ReplicaProxies.None).ShouldBe((1, 1)));
        await using var moved = new DeltaClient(there.Connect(), ShopMesh.Node);
        await moved.SubscribeAsync(ResourceType.Route, WebRoute);
        await moved.NextAsync();

        Progress(here, await ReportAsync(there, behind: true)).ShouldBe((1, 0));
    }

    [Fact]
    public async Task A_proxy_that_has_just_left_a_replica_counts_as_it_was_and_else_as_not_connected()
    {
        await using var here = await XdsTestServer.StartAsync();
        await using var there = await XdsTestServer.StartAsync();
        await using var proxy = new DeltaClient(there.Connect(), ShopMesh.Node);
        await proxy.FetchAsync(ResourceType.Route, WebRoute);
        var left = new RemoteReplica("there", IsSameVersion: true, await ReportAsync(there, behind: false));
        var workload = here.Registry.GetUnconnected().Workloads.Single(w => w.NodeId == ShopMesh.Node);
        var remote = new RemoteProxies([], new Dictionary<string, RemoteReplica> { [ShopMesh.Node] = left }, []);
        var missing = new ExpectedProxy(workload, DateTimeOffset.UnixEpoch, null);
        var expected = new ExpectedProxies([missing], here.Registry.Connections, remote);

        var progress = here.Registry.GetProgress(ShopMesh.WebSplit, expected);
        (progress.Targeted, progress.Acknowledged, progress.Unconnected.Count).ShouldBe((1, 1, 0));
        here.Update(here.Model.WithWebWeights(50, 50));
        progress = here.Registry.GetProgress(ShopMesh.WebSplit, expected);
        (progress.Targeted, progress.Acknowledged).ShouldBe((1, 0));
        progress.Unconnected.ShouldHaveSingleItem().Workload.ShouldBe(workload);
    }

    [Fact]
    public async Task A_rejection_at_another_replica_is_reported_with_its_reason()
    {
        await using var here = await XdsTestServer.StartAsync();
        await using var there = await XdsTestServer.StartAsync();
        await using var proxy = new DeltaClient(there.Connect(), ShopMesh.Node);
        await proxy.SubscribeAsync(ResourceType.Route, WebRoute);
        await proxy.RejectAsync(await proxy.NextAsync(), "no such field");
        await Eventually.Succeeds(() =>
        {
            var rejection = Measure(here, there.Registry.Report(), isSameVersion: true, generation: null).Rejected.ShouldHaveSingleItem();
            rejection.ShouldBe(new ProxyRejection(ShopMesh.Node, WebRoute, "no such field"));
        });
    }

    private static (int Targeted, int Acknowledged) Progress(
        XdsTestServer here,
        ReplicaProxies report,
        bool isSameVersion = true,
        long? generation = null
    )
    {
        var progress = Measure(here, report, isSameVersion, generation);
        return (progress.Targeted, progress.Acknowledged);
    }

    private static PolicyProgress Measure(XdsTestServer here, ReplicaProxies report, bool isSameVersion, long? generation)
    {
        var remote = new RemoteProxies([new RemoteReplica("there", isSameVersion, report)], new Dictionary<string, RemoteReplica>(), []);
        return here.Registry.GetProgress(ShopMesh.WebSplit, new ExpectedProxies([], here.Registry.Connections, remote), generation);
    }

    /// <summary>The report of a replica with one proxy, once that has acknowledged the split or was found not to have.</summary>
    private static async Task<ReplicaProxies> ReportAsync(XdsTestServer server, bool behind)
    {
        var report = ReplicaProxies.None;
        await Eventually.Succeeds(() =>
        {
            report = server.Registry.Report();
            report.Proxies.ShouldHaveSingleItem();
            report.Policies[ShopMesh.WebSplit].Behind.Count.ShouldBe(behind ? 1 : 0);
        });
        return report;
    }
}
