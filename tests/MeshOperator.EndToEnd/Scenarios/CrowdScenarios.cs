using System.Net;
using System.Net.Sockets;
using MeshOperator.EndToEnd.Clients;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Much at once.</summary>
public sealed class CrowdScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "crowd", proxies: 2)
{
    private Client Caller => Workload("client").Client;

    private protected override Task DeployAsync(TestNamespace ns) => Task.WhenAll(
        ns.DeployAsync(new WorkloadSpec("web") { Ports = [Port.Http, Port.Echo] }), ns.DeployAsync("client"));

    [Fact]
    public async Task Requests_that_come_1500_at_once_are_all_answered()
    {
        var replies = await Task.WhenAll(Enumerable.Range(0, 1500).Select(_ => Caller.GetAsync("http://web/", "x-delay: 500")));

        replies.ShouldAllBe(r => r.Status == HttpStatusCode.OK);
    }

    [Fact]
    public async Task Connections_are_3000_at_once_and_each_carries_its_own_bytes()
    {
        var connections = new List<RawConnection>();
        try
        {
            foreach (var some in Enumerable.Range(0, 3000).Chunk(100))
                connections.AddRange(await Task.WhenAll(some.Select(_ => Caller.ConnectAsync("web", Port.Echo.Number))));
            foreach (var some in connections.Index().Chunk(300))
            {
                await Task.WhenAll(some.Select(async c =>
                {
                    await c.Item.SendAsync($"<{c.Index}>");
                    (await c.Item.ReadUntilAsync(">", TimeSpan.FromSeconds(30))).ShouldBe($"<{c.Index}>");
                }));
            }
        }
        finally
        {
            foreach (var connection in connections) connection.Dispose();
        }
    }

    [Fact]
    public async Task Requests_of_2000_callers_who_never_finish_them_keep_nobody_else_out()
    {
        var halves = new List<RawConnection>();
        try
        {
            foreach (var some in Enumerable.Range(0, 2000).Chunk(100))
            {
                halves.AddRange(await Task.WhenAll(some.Select(async _ =>
                {
                    var connection = await Caller.ConnectAsync("web", 80);
                    await connection.SendAsync("GET / HTTP/1.1\r\nHost: w");
                    return connection;
                })));
            }

            var load = await Caller.CallAsync("http://web/", callers: 4, requests: 200);

            load.Failed.ShouldBe(0, load.ToString());
            halves.Count(h => h.Socket.Poll(0, SelectMode.SelectRead)).ShouldBe(0);
        }
        finally
        {
            foreach (var half in halves) half.Dispose();
        }
    }
}
