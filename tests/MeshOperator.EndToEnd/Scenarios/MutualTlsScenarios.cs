using System.Net;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

public sealed class MutualTlsScenarios(TestMesh mesh) : Scenario(mesh)
{
    [Fact]
    public async Task Meshed_caller_reaches_a_server_over_mutual_TLS()
    {
        var shop = await NamespaceAsync("shop", proxies: 2);
        var web = await shop.DeployAsync("web");
        var client = await shop.DeployAsync("client");

        var reply = await client.Client.GetAsync("http://web/hello");

        reply.Status.ShouldBe(HttpStatusCode.OK);
        reply.Pod.ShouldBe(web.Pods[0].Name);
        (await web.Pods[0].Proxy!.AdminAsync("/stats?filter=ssl.handshake&usedonly")).ShouldContain("ssl.handshake");
    }
}
