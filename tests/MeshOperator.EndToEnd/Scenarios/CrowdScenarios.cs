using System.Net;
using System.Net.Sockets;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Much at once. It needs the machine for itself: proxies give up a connection whose handshake takes more than 5 s.</summary>
public sealed class CrowdScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "crowd", proxies: 2, Turn.Alone)
{
    private Client Caller => Workload("client").Client;

    /// <summary>What the proxies count of connections that failed, for whoever looks into a failure.</summary>
    private async Task<string> FailuresAsync()
    {
        const string counters =
            "/stats?filter=connect_fail|connect_timeout|overflow|none_healthy|cx_destroy_remote|reset|pending_failure&usedonly";
        var (caller, server) = (Caller.Pod.Proxy!, Workload("web").Pods[0].Proxy!);
        return $"caller: {await caller.AdminAsync(counters)}; server: {await server.AdminAsync(counters)}";
    }

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(ns.DeployAsync(new WorkloadSpec("web") { Ports = [Port.Http, Port.Echo] }), ns.DeployAsync("client"));

    [Fact]
    public async Task Requests_that_are_1500_in_flight_at_once_are_all_answered()
    {
        // Each needs a connection of its own between the proxies. When one of them fails, Envoy fails all requests that wait for one, so
        // those that are new at a time are fewer than what the machine can shake hands with in 5 s.
        var requests = new List<Task<Reply>>();
        foreach (var some in Enumerable.Range(1, 1500).Chunk(100))
        {
            requests.AddRange(some.Select(_ => Caller.GetAsync("http://web/", "x-delay: 10000", "x-key: crowd")));
            await Eventually.Succeeds(() => Behavior.Arrivals("crowd").Count.ShouldBe(some[^1]));
        }

        var replies = await Task.WhenAll(requests);

        replies.Where(r => r.Status != HttpStatusCode.OK).Select(r => r.ToString()).ShouldBeEmpty(await FailuresAsync());
    }

    [Fact]
    public async Task Connections_are_3000_at_once_and_each_carries_its_own_bytes()
    {
        var connections = new List<RawConnection>();
        var broken = new System.Collections.Concurrent.ConcurrentBag<string>();
        try
        {
            // All stay open; those that are new at a time are fewer: each is a handshake of two proxies, which has 5 s, on a shared
            // machine.
            foreach (var some in Enumerable.Range(0, 3000).Chunk(50))
            {
                connections.AddRange(
                    await Task.WhenAll(
                        some.Select(async i =>
                        {
                            var connection = await Caller.ConnectAsync("web", Port.Echo.Number);
                            await connection.SendAsync($"<{i}>");
                            var read = await connection.ReadUntilAsync(">", TimeSpan.FromSeconds(30));
                            if (read != $"<{i}>")
                                broken.Add($"{i}: '{read}'");
                            return connection;
                        })
                    )
                );
            }

            foreach (var (i, connection) in connections.Index())
            {
                await connection.SendAsync("again.");
                var read = await connection.ReadUntilAsync(".", TimeSpan.FromSeconds(30));
                if (read != "again.")
                    broken.Add($"{i}: '{read}'");
            }

            broken.ShouldBeEmpty(await FailuresAsync());
        }
        finally
        {
            foreach (var connection in connections)
                connection.Dispose();
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
                halves.AddRange(
                    await Task.WhenAll(
                        some.Select(async _ =>
                        {
                            var connection = await Caller.ConnectAsync("web", 80);
                            await connection.SendAsync("GET / HTTP/1.1\r\nHost: w");
                            return connection;
                        })
                    )
                );
            }

            var load = await Caller.CallAsync("http://web/", callers: 4, requests: 200);

            load.Failed.ShouldBe(0, load.ToString());
            halves.Count(h => h.Socket.Poll(0, SelectMode.SelectRead)).ShouldBe(0);
        }
        finally
        {
            foreach (var half in halves)
                half.Dispose();
        }
    }
}
