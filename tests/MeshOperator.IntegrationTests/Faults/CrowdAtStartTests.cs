using MeshOperator.IntegrationTests.Support;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;
using Fault = MeshOperator.LocalCluster.Faults.Fault;

namespace MeshOperator.IntegrationTests.Faults;

/// <summary>Proxies that come back while the operator has only just started.</summary>
public sealed class CrowdAtStartTests
{
    private const int Proxies = 30;

    [Fact]
    public async Task Many_proxies_behind_one_address_are_let_in_by_an_operator_that_does_not_know_their_pods_yet()
    {
        await using var cluster = await TestCluster.StartLocalAsync();
        await using var before = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web", pods: Proxies);
        var tokens = await Task.WhenAll(Enumerable.Range(0, Proxies).Select(i => ProxyTokens.IssueAsync(cluster, ns, $"web-{i}")));
        await before.StopAsync();
        using var pods = cluster.Faults.Order(Fault.Delay(TimeSpan.FromSeconds(2)) with { Verbs = ["list"], Resource = "pods" });
        using var reviews = cluster.Faults.Order(
            Fault.Delay(TimeSpan.FromMilliseconds(500)) with
            {
                Verbs = ["create"],
                Resource = "tokenreviews.authentication.k8s.io",
                Times = int.MaxValue,
            }
        );
        await using var mesh = await before.StartAnotherAsync(untilReady: false);
        mesh.IsReady.ShouldBeFalse();

        await Task.WhenAll(
            tokens.Select(
                async (token, i) =>
                {
                    await using var proxy = ProxyTokens.Connect(mesh, $"web-{i}.{ns.Name}", token);
                    (await proxy.FetchAsync(ResourceType.Secret, "identity")).Resources.ShouldHaveSingleItem();
                }
            )
        );

        pods.Fired.ShouldBe(1);
    }
}
