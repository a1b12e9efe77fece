using Envoy.Config.Endpoint.V3;
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
        await ApplyModeAsync(ns, "Disabled");
        // What has a status is served: the pods come to a policy that is there, and need no steps towards it.
        await Eventually.Succeeds(async () =>
            (await cluster.Of<MtlsPolicy>().GetAsync(new ObjectKey(ns.Name, "api"), CancellationToken.None))!.Status.ShouldNotBeNull()
        );
        await ns.ServiceAsync("gateway");
        await ns.ServiceAsync("api");
        var endpoints = $"outbound/80/api.{ns.Name}";
        await Eventually.Succeeds(() =>
        {
            var model = ((MeshPipeline)mesh.Host.Services.GetService(typeof(MeshPipeline))!).Wanted!.Model;
            model.Workloads[new WorkloadName(ns.Name, "api-0")].Inbound.Ports.ShouldHaveSingleItem();
            model.Workloads.ShouldContainKey(new WorkloadName(ns.Name, "gateway-0"));
        });
        await using var server = mesh.Connect($"api-0.{ns.Name}");
        await using var client = mesh.Connect($"gateway-0.{ns.Name}");
        await server.SubscribeAsync(ResourceType.Listener);
        var plain = await NextInboundAsync(server);
        await server.AcknowledgeAsync(plain);
        Chains(plain).ShouldBe(["any"]);
        await client.FetchAsync(ResourceType.Cluster);
        TakeMtls(await client.FetchAsync(ResourceType.Endpoints, endpoints)).ShouldBeFalse();

        await ApplyModeAsync(ns, "Strict");
        var open = await NextInboundAsync(server);
        Chains(open).ShouldBe(["mtls", "plaintext", "tls"]);

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
        TakeMtls(moved).ShouldBeTrue();
        await client.AcknowledgeAsync(moved);
        var strict = await NextInboundAsync(server);
        Chains(strict).ShouldBe(["mtls"]);
    }

    private Task ApplyModeAsync(TestNamespace ns, string mode) =>
        cluster.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: MtlsPolicy
            metadata: {name: api, namespace: {{ns.Name}}}
            spec:
              mode: {{mode}}
              selector:
                matchLabels: {app: api}
            """
        );

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

    /// <summary>The kinds of connections that port 8080 takes.</summary>
    private static List<string> Chains(DeltaDiscoveryResponse response) =>
        [
            .. Listener
                .Parser.ParseFrom(response.Resources.Single(r => r.Name == "inbound").Resource_.Value)
                .FilterChains.Where(chain => chain.Name.StartsWith("inbound/8080/", StringComparison.Ordinal))
                .Select(chain => chain.Name["inbound/8080/".Length..]),
        ];

    /// <summary>Those that take no mutual TLS are marked.</summary>
    private static bool TakeMtls(DeltaDiscoveryResponse response) =>
        ClusterLoadAssignment
            .Parser.ParseFrom(response.Resources.Single().Resource_.Value)
            .Endpoints[0]
            .LbEndpoints.All(e => e.Metadata is null);
}
