using System.Net;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Listeners;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

public sealed class HealthTests(TestCluster cluster)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_metrics_port_serves_health_and_metrics_and_nothing_else()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        using var http = new HttpClient { BaseAddress = new Uri($"http://{mesh.Host.Ports[ListenerKind.Metrics]}") };

        (await http.GetStringAsync(new Uri("/healthz", UriKind.Relative), Cancellation)).ShouldBe("ok\n");
        (await http.GetStringAsync(new Uri("/readyz", UriKind.Relative), Cancellation)).ShouldBe("ok\n");
        await using var proxy = mesh.Connect("somebody.default");
        await proxy.FetchAsync(Xds.Resources.ResourceType.Cluster);
        await Eventually.Succeeds(async () =>
        {
            var metrics = await http.GetStringAsync(new Uri("/metrics", UriKind.Relative), Cancellation);
            foreach (var name in new[] { "xds_streams", "leader", "api_requests", "reconciles", "workqueue_depth", "watch_events" })
                metrics.ShouldContain($"meshoperator_{name}");
        });
        using var answer = await http.PostAsync(new Uri("/mutate/pods", UriKind.Relative), null, Cancellation);
        answer.StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task The_ports_listen_on_both_families_of_addresses()
    {
        Assert.SkipUnless(System.Net.Sockets.Socket.OSSupportsIPv6, "this machine has no IPv6");
        await using var mesh = await TestOperator.StartAsync(
            cluster,
            options => options with { LoopbackOnly = false, OwnWebhookConfigurations = false }
        );
        using var http = new HttpClient();
        foreach (var address in new[] { "127.0.0.1", "[::1]" })
            (
                await http.GetStringAsync(new Uri($"http://{address}:{mesh.Host.Ports[ListenerKind.Metrics].Port}/healthz"), Cancellation)
            ).ShouldBe("ok\n");
        mesh.Host.Ports[ListenerKind.TlsXds].Port.ShouldNotBe(0);
    }
}
