using MeshOperator.IntegrationTests.Support;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;
using Fault = MeshOperator.LocalCluster.Faults.Fault;

namespace MeshOperator.IntegrationTests.Faults;

/// <summary>Proxies that connect while the API server cannot be asked about their tokens.</summary>
public sealed class UnreviewedTokenTests
{
    [Fact]
    public async Task Proxy_that_connects_while_the_API_server_is_out_of_reach_waits_on_its_stream_and_is_let_in_when_that_answers()
    {
        await using var cluster = await TestCluster.StartLocalAsync();
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web");
        var token = await ProxyTokens.IssueAsync(cluster, ns, "web-0");
        var outage = cluster.Faults.Order(
            Fault.Reset with
            {
                Verbs = ["create"],
                Resource = "tokenreviews.authentication.k8s.io",
                Times = int.MaxValue,
            }
        );
        await using var proxy = ProxyTokens.Connect(mesh, $"web-0.{ns.Name}", token);

        var fetch = proxy.FetchAsync(ResourceType.Secret, "identity");
        await Eventually.Succeeds(() => outage.Fired.ShouldBeGreaterThan(5));
        fetch.IsCompleted.ShouldBeFalse();
        outage.Dispose();

        (await fetch).Resources.ShouldHaveSingleItem();
    }
}
