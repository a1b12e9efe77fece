using System.Net;
using System.Text.Json.Nodes;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>The kubelet has no identity of the mesh, and its probes work all the same.</summary>
public sealed class ProbeScenarios(TestMesh mesh) : Scenario(mesh)
{
    [Theory]
    [InlineData("httpGet", ApplicationPort.Http)]
    [InlineData("tcpSocket", ApplicationPort.Echo)]
    public async Task Pod_whose_port_takes_mutual_TLS_only_is_ready_by_its_probe(string kind, int port)
    {
        var shop = await NamespaceAsync("probe", proxies: 2);
        await shop.ApplyAsync(
            "{apiVersion: meshoperator.io/v1alpha1, kind: MtlsPolicy, metadata: {name: strict}, spec: {mode: Strict}}",
            programmed: false
        );
        var action = new JsonObject { ["port"] = port };
        if (kind == "httpGet")
            action["path"] = "/healthy";
        var probed = new JsonObject
        {
            ["readinessProbe"] = new JsonObject { [kind] = action, ["periodSeconds"] = 1 },
        };
        var web = await shop.DeployAsync(new WorkloadSpec("web") { Container = probed });
        var client = await shop.DeployAsync("client");

        (await client.Client.GetAsync("http://web/")).Status.ShouldBe(HttpStatusCode.OK);
        web.Pods[0].Pod.Spec.Containers[0].ReadinessProbe.HttpGet.Port.Value.ShouldBe("15020");

        // The application has gone, the proxy has not: the probe must not be answered by the proxy alone.
        await web.Pods[0].Application!.StopAsync(TimeSpan.Zero);
        var key = new ObjectKey(shop.Name, web.Pods[0].Name);
        await Eventually.Succeeds(() => Mesh.View.Pods.Objects[key].IsReady().ShouldBeFalse());
    }
}
