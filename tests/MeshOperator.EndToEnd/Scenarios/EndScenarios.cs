using System.Net;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>How pods and proxies end.</summary>
public sealed class EndScenarios(TestMesh mesh) : Scenario(mesh)
{
    [Fact]
    public async Task Sidecar_is_ended_after_the_application_whose_last_request_it_carries()
    {
        var shop = await NamespaceAsync("order", proxies: 2);
        var web = await shop.DeployAsync(new WorkloadSpec("web") { PodSpec = WellBehaved.EndsWithin20Seconds });
        var client = await shop.DeployAsync("client");
        var pod = web.Pods[0];

        var last = client.Client.GetAsync("http://web/", "x-delay: 4000", "x-key: last");
        await Eventually.Succeeds(() => Applications.Behavior.Arrivals("last").Count.ShouldBe(1));
        await web.DeletePodAsync(pod);

        (await last).Status.ShouldBe(HttpStatusCode.OK);
        await pod.Ended.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        pod.Endings.Select(e => e.Container).ShouldBe(["app", "mesh-proxy"]);
    }

    [Fact]
    public async Task Classic_sidecar_goes_on_for_the_application_that_ends_and_fails_no_request()
    {
        var shop = await NamespaceAsync("classic", proxies: 4);
        var web = await shop.DeployAsync(
            new WorkloadSpec("web")
            {
                Replicas = 2,
                Annotations = new Dictionary<string, string> { ["meshoperator.io/native-sidecar"] = "false" },
                Container = WellBehaved.WaitsBeforeItEnds,
                PodSpec = WellBehaved.EndsWithin20Seconds,
            }
        );
        var client = await shop.DeployAsync("client");
        web.Pods[0].Pod.Spec.Containers.ShouldContain(c => c.Name == "mesh-proxy");

        var load = await client.Client.LoadAsync(
            "http://web/",
            rate: 50,
            during: async _ =>
            {
                var pod = web.Pods[0];
                await web.DeletePodAsync(pod);
                await pod.Ended.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
                await web.WaitUntilReadyAsync(2);
            }
        );

        load.Failed.ShouldBe(0, load.ToString());
    }

    [Fact]
    public async Task Sidecar_of_an_application_that_ends_at_once_stays_until_callers_know()
    {
        var shop = await NamespaceAsync("sudden", proxies: 4);
        var web = await shop.DeployAsync("web", replicas: 2);
        var client = await shop.DeployAsync("client");

        var load = await client.Client.LoadAsync(
            "http://web/",
            rate: 200,
            during: async _ =>
            {
                for (var i = 0; i < 5; i++)
                {
                    var pod = web.Pods[0];
                    await web.DeletePodAsync(pod);
                    await pod.Ended.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
                    await web.WaitUntilReadyAsync(2);
                    var ended = pod.Endings.ToDictionary(end => end.Container, end => end.After);
                    ended["app"].ShouldBeLessThan(TimeSpan.FromSeconds(1));
                    ended["mesh-proxy"].ShouldBeGreaterThan(TimeSpan.FromSeconds(1.9));
                }
            }
        );

        load.Failed.ShouldBe(0, load.ToString());
    }

    [Fact]
    public async Task Proxy_that_is_killed_is_started_again_and_serves()
    {
        var shop = await NamespaceAsync("killed", proxies: 3);
        var web = await shop.DeployAsync("web", replicas: 2);
        var client = await shop.DeployAsync("client");
        await shop.ApplyAsync(WellBehaved.Retries);
        var victim = web.Pods[0];

        var load = await client.Client.LoadAsync(
            "http://web/",
            rate: 50,
            during: async load =>
            {
                victim.Proxy!.Current.Kill();
                await Eventually.Succeeds(() => victim.Proxy.Restarts.ShouldBe(1));
                await web.WaitUntilReadyAsync(2);
                await load.GoOnAsync(TimeSpan.FromSeconds(2));
            }
        );

        // What was in flight is lost with the proxy. That further requests fail is bounded, until retries of failed connections have a
        // floor.
        load.Failed.ShouldBeLessThan(load.Total / 50, load.ToString());
        load.Samples.TakeLast(50).Count(s => s.Failed).ShouldBe(0, load.ToString());
        (await client.Client.RepeatAsync(20, "http://web/")).Select(r => r.Pod).Distinct().Count().ShouldBe(2);
    }
}
