using System.Diagnostics;
using System.Net;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>A node that loses its network answers nobody, not even with a reset.</summary>
public sealed class LostNodeScenarios(TestMesh mesh) : Scenario(mesh)
{
    /// <summary>The promise, and a second for the clocks.</summary>
    private static readonly TimeSpan KnownWithin = TimeSpan.FromSeconds(21);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Requests_to_a_pod_that_is_gone_without_a_word_fail_within_20_seconds_or_are_answered_by_another(bool retries)
    {
        var shop = await NamespaceAsync("lost", proxies: 3, Turn.Aside);
        var web = await shop.DeployAsync("web", replicas: 2);
        var client = (await shop.DeployAsync("client")).Client;
        if (retries)
            await shop.ApplyAsync(
                "{apiVersion: meshoperator.io/v1alpha1, kind: RetryPolicy, metadata: {name: web}, spec: {targetRefs: [{kind: Service, "
                    + "name: web}]}}"
            );
        await Eventually.Succeeds(async () =>
            (await client.RepeatAsync(20, "http://web/")).Select(reply => reply.Pod).Distinct().Count().ShouldBe(2)
        );
        var key = shop.Name;
        var waiting = client.SendAsync(HttpMethod.Post, "http://web/", [$"x-key: {key}", "x-delay: 120000"], new StringContent("x"));
        await Eventually.Succeeds(() => Behavior.Arrivals(key).Count.ShouldBe(1));
        var lost = web.Pods.Single(pod => pod.Name == Behavior.Arrivals(key)[0]);

        var clock = Stopwatch.StartNew();
        await Command.RunAsync("ip", "-n", lost.Network.Namespace.Name, "link", "set", "eth0", "down");
        var load = client.CallAsync("http://web/", callers: 8, requests: 400, "x-delay: 20");

        (await waiting).Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        clock.Elapsed.ShouldBeLessThan(KnownWithin);
        var others = await load;
        others.Samples.Max(sample => sample.Duration).ShouldBeLessThan(KnownWithin, others.ToString());
        if (retries)
            others.Failed.ShouldBe(0, others.ToString());
    }
}
