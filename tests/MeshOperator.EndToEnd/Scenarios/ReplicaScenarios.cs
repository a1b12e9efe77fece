using System.Net;
using System.Net.WebSockets;
using System.Text;
using k8s.Models;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.Mesh.Rollout;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>What becomes of traffic and statuses where the operator has several replicas, or gets more or fewer of them.</summary>
public sealed class ReplicaScenarios(TestMesh mesh) : Scenario(mesh)
{
    private const double Rate = 50;
    private static readonly TimeSpan LeaderWithin = TimeSpan.FromSeconds(15);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_revocation_reaches_a_server_on_another_replica_than_its_callers_and_takes_nothing_from_others(bool serverIsAtLeader)
    {
        var shop = await NamespaceAsync("revoked", proxies: 3, Turn.Alone);
        await using var replicas = await OperatorReplicas.StartAsync(Mesh, 2);
        var leader = await replicas.LeaderAsync(LeaderWithin);
        var follower = replicas.All.Single(replica => replica != leader);
        var (serving, calling) = serverIsAtLeader ? (leader, follower) : (follower, leader);
        await replicas.LeadProxiesToAsync(serving);
        await shop.DeployAsync(new WorkloadSpec("web") { Ports = [Port.Http, Port.Echo] });
        await replicas.LeadProxiesToAsync(calling);
        await Task.WhenAll(shop.DeployAsync("friend", account: "friend"), shop.DeployAsync("other", account: "other"));
        (await ServedAsync(serving, shop)).ShouldBe(["web"]);
        // That of web's load reports may have come later.
        (await ServedAsync(calling, shop))
            .Except(["web"])
            .ShouldBe(["friend", "other"]);
        var (friend, other) = (shop.Workload("friend").Client, shop.Workload("other").Client);
        await shop.WaitUntilProxiesKnowAllAsync();
        var allowed = Load.Open(friend, "http://web/", Rate);
        var denied = Load.Open(other, "http://web/", Rate);
        await Task.WhenAll(allowed.ReachesAsync((int)Rate), denied.ReachesAsync((int)Rate));
        using var socket = await friend.WebSocketAsync("ws://web/socket");
        using var bytes = await other.ConnectAsync("web", Port.Echo.Number);
        await bytes.SendAsync("before");
        (await bytes.ReadUntilAsync("before")).ShouldBe("before");

        await shop.ApplyAsync(
            """
            apiVersion: meshoperator.io/v1alpha1
            kind: MtlsPolicy
            metadata: {name: web}
            spec: {selector: {matchLabels: {app: web}}, mode: Permissive, deny: [{serviceAccounts: [other]}]}
            """
        );

        var revokedAt = denied.Now;
        await bytes.SendAsync("after");
        (await bytes.ReadToEndAsync()).ShouldBeEmpty();
        await denied.GoOnAsync(TimeSpan.FromSeconds(3));
        await SaysAsync(socket, "still here");
        var (ofFriend, ofOther) = (await allowed.EndAsync(), await denied.EndAsync());
        ofFriend.Count(HttpStatusCode.OK).ShouldBe(ofFriend.Total, ofFriend.ToString());
        ofOther.Failed.ShouldBe(0, ofOther.ToString());
        var after = ofOther.Between(revokedAt, TimeSpan.MaxValue);
        after.Total.ShouldBeGreaterThan(0);
        after.Count(HttpStatusCode.Forbidden).ShouldBe(after.Total, after.ToString());
    }

    [Fact]
    public async Task A_shift_counts_the_callers_of_two_replicas_and_goes_on_when_its_leader_is_killed()
    {
        var shop = await NamespaceAsync("shifted", proxies: 4, Turn.Alone);
        await using var replicas = await OperatorReplicas.StartAsync(Mesh, 2);
        var leader = await replicas.LeaderAsync(LeaderWithin);
        await replicas.LeadProxiesToAsync(leader);
        await Task.WhenAll(shop.DeployAsync("web"), shop.DeployAsync("canary"), shop.DeployAsync("near"));
        await replicas.LeadProxiesToAsync(replicas.All.Single(replica => replica != leader));
        await shop.DeployAsync("far");
        await replicas.LeadProxiesToAsync(null);
        await shop.WaitUntilProxiesKnowAllAsync();
        var (near, far) = (shop.Workload("near").Client, shop.Workload("far").Client);
        var shift = new ShiftUnderTest(Mesh, shop, "web");
        await shift.ApplyAsync("steps: [{weight: 50, hold: 1s, approval: Required}, {weight: 80}], checks: [{successRate: {min: 99}}]");
        await shift.UntilAcknowledgedAsync(50);

        var calls = await Task.WhenAll(
            near.CallAsync("http://web/", callers: 2, requests: 1000),
            far.CallAsync("http://web/", callers: 2, requests: 1000)
        );
        calls.ShouldAllBe(call => call.Failed == 0);
        await shift.UntilCountedAsync(calls.Sum(call => call.CountVersion("canary")));
        await shift.UntilAsync("AwaitingApproval");

        var load = await near.LoadAsync(
            "http://web/",
            Rate,
            during: async _ =>
            {
                await leader.KillAsync();
                await replicas.LeaderAsync(LeaderWithin);
                await shift.CommandAsync("approve canary/1");
                await shift.UntilAcknowledgedAsync(80);
                await shift.CommandAsync("promote canary");
                await shift.UntilAsync("Completed");
            }
        );
        load.Failed.ShouldBe(0, load.ToString());
    }

    [Fact]
    public async Task One_replica_that_becomes_three_and_one_again_fails_no_request_and_makes_no_status_false()
    {
        var shop = await NamespaceAsync("scaled", proxies: 3, Turn.Alone);
        await Task.WhenAll(shop.DeployAsync("web"), shop.DeployAsync("canary"), shop.DeployAsync("client"));
        await shop.WaitUntilProxiesKnowAllAsync();
        var split = new SplitUnderLoad(shop);
        await split.SendToAsync("web", settles: true);
        await using var replicas = await OperatorReplicas.StartAsync(Mesh, 1);
        var load = split.Load = Load.Open(shop.Workload("client").Client, "http://web/", Rate);

        // A replica that another test has killed is still on record for a while.
        var alone = await ReportsAsync();
        await replicas.ScaleUpAsync(3);
        await Eventually.Succeeds(async () => (await ReportsAsync()).ShouldBe(alone + 2));
        await split.SendToAsync("canary", settles: true);
        // Who leads goes first, and with it the proxies that have been connected since before there were others.
        foreach (var version in new[] { "web", "canary" })
        {
            await replicas.RemoveAsync(await replicas.LeaderAsync(LeaderWithin));
            await split.SendToAsync(version, settles: true);
        }

        await replicas.LeaderAsync(LeaderWithin);
        await Eventually.Succeeds(async () => (await ReportsAsync()).ShouldBe(alone));
        var result = await load.EndAsync();
        result.Failed.ShouldBe(0, result.ToString());
        split.False.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_replica_that_is_killed_holds_a_change_of_mode_back_only_until_its_proxies_are_connected_to_another()
    {
        var shop = await NamespaceAsync("held", proxies: 3, Turn.Alone);
        await using var replicas = await OperatorReplicas.StartAsync(Mesh, 2);
        var leader = await replicas.LeaderAsync(LeaderWithin);
        var follower = replicas.All.Single(replica => replica != leader);
        await shop.DeployAsync("web");
        await replicas.LeadProxiesToAsync(follower);
        await shop.DeployAsync("client");
        await replicas.LeadProxiesToAsync(null);
        await ModeAsync(shop, "Disabled");
        await shop.WaitUntilProxiesKnowAllAsync();
        var load = Load.Open(shop.Workload("client").Client, "http://web/", Rate);
        await load.ReachesAsync((int)Rate);

        await follower.KillAsync();
        var killedAt = load.Now;
        await ModeAsync(shop, "Strict");

        (load.Now - killedAt).ShouldBeLessThan(ModeRollout.LongestStep);
        var result = await load.EndAsync();
        result.Failed.ShouldBe(0, result.ToString());
    }

    /// <remarks>Who the proxy of a new pod is, nobody can find out meanwhile.</remarks>
    [Fact]
    public async Task Pods_that_start_while_no_replica_reaches_the_API_server_are_ready_soon_after_it_is_back()
    {
        Expect("initial fetch timed out for type", "the operator cannot find out who the proxy is while the API server is away");
        var shop = await NamespaceAsync("late", proxies: 4, Turn.Alone);
        await using var replicas = await OperatorReplicas.StartAsync(Mesh, 2);
        await shop.DeployAsync("web", replicas: 2);
        await shop.DeployAsync("client");
        var load = Load.Open(shop.Workload("client").Client, "http://web/", Rate);
        foreach (var replica in replicas.All)
            await replica.CutFromApiServerAsync();
        var restart = shop.Workload("web").RestartAsync();
        await load.GoOnAsync(TimeSpan.FromSeconds(30));
        foreach (var replica in replicas.All)
            replica.ReconnectToApiServer();
        await restart;
        var result = await load.EndAsync();
        result.Failed.ShouldBe(0, result.ToString());
    }

    /// <remarks>The caller's proxy keeps its stream, and knows only pods that have ended.</remarks>
    [Fact]
    public async Task Callers_of_a_silent_replica_reach_pods_that_replaced_all_others_meanwhile()
    {
        var shop = await NamespaceAsync("silent", proxies: 4, Turn.Alone);
        await using var replicas = await OperatorReplicas.StartAsync(Mesh, 2);
        var leader = await replicas.LeaderAsync(LeaderWithin);
        var silent = replicas.All.Single(replica => replica != leader);
        await replicas.LeadProxiesToAsync(silent);
        await shop.DeployAsync("client");
        await replicas.LeadProxiesToAsync(leader);
        var web = await shop.DeployAsync("web", replicas: 2);
        await shop.WaitUntilProxiesKnowAllAsync();
        var load = Load.Open(shop.Workload("client").Client, "http://web/", Rate);
        await load.ReachesAsync((int)Rate);
        (await silent.ServesAsync(shop.Workload("client").Pods[0])).ShouldBeTrue();

        var replacedAt = TimeSpan.Zero;
        silent.Pause();
        try
        {
            await web.RestartAsync();
            replacedAt = load.Now;
            // For as long as all attempts at endpoints take.
            await load.GoOnAsync(TimeSpan.FromSeconds(20));
        }
        finally
        {
            silent.Continue();
        }

        var result = await load.EndAsync();
        // What has come to an old pod's proxy just before its end is lost with it.
        var after = result.Between(replacedAt, TimeSpan.MaxValue);
        after.Failed.ShouldBe(0, result.ToString());
        after.Total.ShouldBeGreaterThan((int)Rate);
    }

    /// <summary>Changes the mode and waits until all proxies have it. A webhook call may meet a replica that is gone and not known to
    /// be.</summary>
    private static async Task ModeAsync(TestNamespace shop, string mode)
    {
        var policy = $"{{apiVersion: meshoperator.io/v1alpha1, kind: MtlsPolicy, metadata: {{name: mode}}, spec: {{mode: {mode}}}}}";
        await Eventually.Succeeds(() => shop.ApplyAsync(policy, programmed: false));
        await shop.ApplyAsync(policy);
    }

    /// <summary>How many replicas say that they are there.</summary>
    private async Task<int> ReportsAsync() =>
        (await Mesh.Entities<V1Lease>().ListAsync(CancellationToken.None)).Count(lease =>
            lease.Metadata.NamespaceProperty == OperatorUnderTest.Namespace
            && lease.Metadata.Labels is { } labels
            && labels.TryGetValue(Api.MeshNames.ReplicaReportLabel, out var report)
            && report == "true"
        );

    /// <summary>The workloads whose proxies have a connection to this replica.</summary>
    private static async Task<IReadOnlyList<string>> ServedAsync(OperatorUnderTest replica, TestNamespace shop)
    {
        var served = new List<string>();
        foreach (var name in new[] { "web", "friend", "other" })
            if (await replica.ServesAsync(shop.Workload(name).Pods[0]))
                served.Add(name);
        return served;
    }

    private static async Task SaysAsync(WebSocket socket, string text)
    {
        var cancellation = TestContext.Current.CancellationToken;
        await socket.SendAsync(Encoding.ASCII.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, cancellation);
        var buffer = new byte[64];
        var message = await socket.ReceiveAsync(buffer, cancellation);
        Encoding.ASCII.GetString(buffer, 0, message.Count).ShouldBe(text);
    }
}
