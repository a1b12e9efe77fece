using Envoy.Config.Listener.V3;
using Envoy.Service.Discovery.V3;
using MeshOperator.Api.Policies;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Mesh.Model;
using MeshOperator.Pipeline;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

public sealed class MtlsModeTests(TestCluster cluster)
{
    [Fact]
    public async Task A_change_from_plaintext_to_mutual_tls_goes_by_way_of_both_and_waits_for_those_concerned()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ApplyModeAsync("Disabled");
        // What has a status is served: the pods come to a policy that is there, and need no steps towards it.
        await Eventually.Succeeds(async () =>
            (await cluster.Entities<MtlsPolicy>().GetAsync(new ObjectKey(ns.Name, "api"), CancellationToken.None))!.Status.ShouldNotBeNull()
        );
        await ns.ServiceAsync("gateway");
        await ns.ServiceAsync("api");
        var endpoints = $"outbound/80/api.{ns.Name}";
        await Eventually.Succeeds(() =>
        {
            var model = ((MeshPipeline)mesh.Host.Services.GetService(typeof(MeshPipeline))!).Wanted!.Model;
            model.Workloads[new WorkloadName(ns.Name, "api-0")].Inbound.Ports.ShouldHaveSingleItem();
            model.Workloads.ShouldContainKey(new WorkloadName(ns.Name, "gateway-0"));
            foreach (var service in new[] { "gateway", "api" })
                model.Services[new ServiceName(ns.Name, service)].Ports.ShouldHaveSingleItem().Endpoints.ShouldHaveSingleItem();
        });
        await using var server = mesh.Connect($"api-0.{ns.Name}");
        await using var client = mesh.Connect($"gateway-0.{ns.Name}");
        await server.SubscribeAsync(ResourceType.Listener);
        var plain = await NextInboundAsync(server);
        await server.AcknowledgeAsync(plain);
        ModeResources.Chains(plain).ShouldBe(["any"]);
        await client.FetchAsync(ResourceType.Cluster);
        ModeResources.TakeMtls(await client.FetchAsync(ResourceType.Endpoints, endpoints)).ShouldBeFalse();

        await ns.ApplyModeAsync("Strict");
        var open = await NextInboundAsync(server);
        ModeResources.Chains(open).ShouldBe(["mtls", "plaintext", "tls"]);

        // While the server has not answered, what else is sent to the client leaves the mode as it was.
        await ns.ServiceAsync("other", root: true);
        var unrelated = await NextAsync(client, ResourceType.Cluster);
        unrelated.Resources.ShouldHaveSingleItem().Name.ShouldBe($"outbound/80/other.{ns.Name}");

        // A listener is open when what it names has arrived too.
        await server.AcknowledgeAsync(open);
        await server.FetchNamedAsync(Listener.Parser.ParseFrom(open.Resources.Single(r => r.Name == "inbound").Resource_.Value));
        var trusting = await NextAsync(client, ResourceType.Cluster);
        trusting.Resources.ShouldHaveSingleItem().Name.ShouldBe(endpoints);
        await client.AcknowledgeAsync(trusting);
        var moved = await NextAsync(client, ResourceType.Endpoints);
        ModeResources.TakeMtls(moved).ShouldBeTrue();
        await client.AcknowledgeAsync(moved);
        var strict = await NextInboundAsync(server);
        ModeResources.Chains(strict).ShouldBe(["mtls"]);
    }

    /// <summary>The next response with the proxy's own listener, others acknowledged on the way.</summary>
    private static async Task<DeltaDiscoveryResponse> NextInboundAsync(DeltaClient server)
    {
        while (true)
        {
            var response = await server.NextAsync();
            if (response.Resources.Any(r => r.Name == "inbound"))
                return response;
            await server.AcknowledgeAsync(response);
        }
    }

    private static async Task<DeltaDiscoveryResponse> NextAsync(DeltaClient client, ResourceType type)
    {
        var response = await client.NextAsync();
        response.TypeUrl.ShouldBe(type.Url());
        return response;
    }
}
