using System.Globalization;
using System.Net;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Settings of the connections from a sidecar to its application, for servers that need other than the defaults.</summary>
public sealed class ApplicationConnectionScenarios(TestMesh mesh, SharedNamespace shared)
    : SharedScenario(mesh, shared, "last-hop", proxies: 4)
{
    private const int Callers = 8;

    private Client Caller => Workload("client").Client;

    private protected override async Task DeployAsync(TestNamespace ns)
    {
        await Task.WhenAll(
            DeployAsync(ns, "closes-early", "idle-timeout", "20ms"),
            DeployAsync(ns, "closes-always", "requests-per-connection", "1"),
            DeployAsync(ns, "two-places", "max-connections", "2"),
            ns.DeployAsync("client")
        );
        await WaitUntilBoundedAsync(ns.Workload("two-places").Pods[0].Proxy!);
    }

    [Theory]
    [InlineData("closes-early", 100)]
    [InlineData("closes-always", 1)]
    public async Task A_server_that_closes_connections_early_loses_no_POST(string server, int keepAlive)
    {
        var failed = new System.Collections.Concurrent.ConcurrentBag<string>();
        await Task.WhenAll(
            Enumerable
                .Range(0, Callers)
                .Select(async caller =>
                {
                    // The pauses are around the time after which the server closes.
                    using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(Math.Max(2, keepAlive - Callers + (caller * 2))));
                    for (var i = 0; i < 50; i++)
                    {
                        var reply = await Caller.SendAsync(
                            HttpMethod.Post,
                            $"http://{server}:{Port.Recorder.Number}/",
                            [string.Create(CultureInfo.InvariantCulture, $"x-keep-alive: {keepAlive}")]
                        );
                        if (reply.Status != HttpStatusCode.OK)
                            failed.Add(reply.ToString());
                        await pause.WaitForNextTickAsync(TestContext.Current.CancellationToken);
                    }
                })
        );

        failed.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_server_for_two_connections_gets_no_more_and_answers_all_callers()
    {
        var load = await Caller.CallAsync(
            HttpMethod.Post,
            "http://two-places/",
            callers: 2 * Callers,
            requests: 200,
            "x-slots: 2",
            "x-delay: 10"
        );

        load.Failed.ShouldBe(0, load.ToString());
    }

    /// <summary>Connections to a port are bounded once its proxy knows the port by a Service, and takes connections by that.</summary>
    private static Task WaitUntilBoundedAsync(ProxyProcess proxy) =>
        Eventually.Succeeds(async () =>
        {
            var bounded = (await proxy.AdminAsync("/clusters"))
                .Split('\n')
                .Where(line => line.StartsWith("inbound/80", StringComparison.Ordinal))
                .Where(line => line.TrimEnd().EndsWith("::default_priority::max_connections::2", StringComparison.Ordinal))
                .Select(line => line[..line.IndexOf("::", StringComparison.Ordinal)])
                .ToList();
            bounded.Count.ShouldBe(2, "both ports are bounded");
            var listeners = await proxy.AdminAsync("/config_dump?resource=dynamic_listeners");
            listeners.ShouldNotContain("\"warming_state\"");
            foreach (var cluster in bounded)
                listeners.ShouldContain($"\"{cluster}\"");
        });

    private static Task<Workload> DeployAsync(TestNamespace ns, string name, string setting, string value) =>
        ns.DeployAsync(
            new WorkloadSpec(name)
            {
                Ports = [Port.Http, Port.Recorder],
                Annotations = new Dictionary<string, string> { [$"meshoperator.io/application-{setting}"] = value },
            }
        );
}
