using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Pods that come and go under load.</summary>
public sealed class ScaleScenarios(TestMesh mesh) : Scenario(mesh)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Pods_that_come_and_go_fail_no_request(bool hasRetryPolicy)
    {
        var shop = await NamespaceAsync("scale", proxies: 5);
        var web = await shop.DeployAsync(
            new WorkloadSpec("web")
            {
                Replicas = 2,
                Container = WellBehaved.WaitsBeforeItEnds,
                PodSpec = WellBehaved.EndsWithin20Seconds,
            }
        );
        var client = await shop.DeployAsync("client");
        if (hasRetryPolicy)
            await shop.ApplyAsync(WellBehaved.Retries);

        var load = await client.Client.LoadAsync(
            "http://web/",
            rate: 100,
            during: async _ =>
            {
                await web.ScaleAsync(4);
                await web.ScaleAsync(1);
                await web.ScaleAsync(3);
                await web.DeletePodAsync(web.Pods[0]);
                await web.WaitUntilReadyAsync(3);
            }
        );

        load.Failed.ShouldBe(0, load.ToString());
    }
}
