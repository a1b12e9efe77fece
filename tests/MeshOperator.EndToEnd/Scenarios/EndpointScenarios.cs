using System.Globalization;
using System.Net;
using k8s;
using k8s.Models;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Which endpoints of a Service are called, as without the mesh. Services have no selector here: the tests write their slices,
/// with nodes, zones and conditions that there are not.</summary>
public sealed class EndpointScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "endpoints", proxies: 3)
{
    private const string Ready = "conditions: {ready: true}";
    private const string Ending = "conditions: {ready: false, serving: true, terminating: true}";
    private const int BytesPort = 8081;

    private Client Caller => Workload("client").Client;

    private RunningPod First => Workload("model").Pods[0];

    private RunningPod Second => Workload("model").Pods[1];

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(ns.DeployAsync(new WorkloadSpec("model") { Replicas = 2 }), ns.DeployAsync("client"));

    [Fact]
    public async Task Calls_stay_on_the_node_with_internalTrafficPolicy_Local_and_fail_where_nothing_is_there()
    {
        var agent = await ServiceAsync("internalTrafficPolicy: Local");
        await SliceAsync(agent, (First, $"nodeName: {Workloads.NodeName}"), (Second, "nodeName: elsewhere"));
        await ArriveAtAsync(agent, First);

        await SliceAsync(agent, (First, $"nodeName: {Workloads.NodeName}, {Ending}"), (Second, "nodeName: elsewhere"));
        await ArriveAtAsync(agent, First);

        await SliceAsync(agent, (Second, "nodeName: elsewhere"));
        await Eventually.Succeeds(async () =>
            (await CallAsync(agent, 5)).ShouldAllBe(reply => reply.Status == HttpStatusCode.ServiceUnavailable)
        );
        using var bytes = await Caller.ConnectAsync(agent, BytesPort);
        (await bytes.ReadToEndAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Endpoints_that_end_are_called_while_none_is_ready()
    {
        var shelf = await ServiceAsync();
        await SliceAsync(shelf, (First, Ending));
        await ArriveAtAsync(shelf, First);

        await SliceAsync(shelf, (First, Ending), (Second, Ready));
        await ArriveAtAsync(shelf, Second);
    }

    [Fact]
    public async Task Calls_stay_in_the_zone_for_which_there_are_hints()
    {
        await Mesh.ApplyAsync(
            $"{{apiVersion: v1, kind: Node, metadata: {{name: {Workloads.NodeName}, labels: {{topology.kubernetes.io/zone: zone-a}}}}}}"
        );
        var near = await ServiceAsync("trafficDistribution: PreferClose");
        await SliceAsync(near, (First, "hints: {forZones: [{name: zone-a}]}"), (Second, "hints: {forZones: [{name: zone-b}]}"));
        await ArriveAtAsync(near, First);

        // An endpoint without a hint means that there are none.
        await SliceAsync(near, (First, "hints: {forZones: [{name: zone-a}]}"), (Second, Ready));
        await ArriveAtAsync(near, First, Second);

        await SliceAsync(near, (First, "hints: {forZones: [{name: zone-b}]}"), (Second, "hints: {forZones: [{name: zone-a}]}"));
        await ArriveAtAsync(near, Second);
    }

    [Fact]
    public async Task Calls_go_over_to_other_zones_when_nothing_answers_in_their_own()
    {
        await Mesh.ApplyAsync(
            $"{{apiVersion: v1, kind: Node, metadata: {{name: {Workloads.NodeName}, labels: {{topology.kubernetes.io/zone: zone-a}}}}}}"
        );
        // On the node itself nothing listens.
        var near = await ServiceAsync();
        await Mesh.ApplyAsync(
            Slice(
                near,
                [
                    $"{{addresses: ['{NodeNetwork.HostAddress}'], hints: {{forZones: [{{name: zone-a}}]}}}}",
                    $"{{addresses: ['{First.Network.Address}'], hints: {{forZones: [{{name: zone-b}}]}}}}",
                ]
            )
        );
        await Eventually.Succeeds(async () =>
            (await CallAsync(near, 5)).ShouldAllBe(reply => reply.Status == HttpStatusCode.OK && IsOfMesh(reply))
        );
    }

    [Fact]
    public async Task An_endpoint_without_a_target_is_called_with_mutual_TLS_when_a_pod_of_the_mesh_has_its_address()
    {
        await Namespace.ApplyAsync(
            """
            apiVersion: meshoperator.io/v1alpha1
            kind: MtlsPolicy
            metadata: {name: strict}
            spec: {selector: {matchLabels: {app: model} }, mode: Strict}
            """
        );
        var bare = await ServiceAsync();
        await SliceAsync(bare, (First, Ready));

        await ArriveAtAsync(bare, First);
    }

    [Fact]
    public async Task Calls_to_external_addresses_and_those_of_the_load_balancer_have_the_policies_of_the_service()
    {
        var shop = await ServiceAsync("type: LoadBalancer\n  externalIPs: ['10.78.0.5']");
        await Mesh.Cluster.Client.CoreV1.PatchNamespacedServiceStatusAsync(
            new V1Patch(
                """{"status": {"loadBalancer": {"ingress": [{"ip": "10.78.0.6", "ipMode": "VIP"}]}}}""",
                V1Patch.PatchType.MergePatch
            ),
            shop,
            Namespace.Name,
            cancellationToken: TestContext.Current.CancellationToken
        );
        var canary = await ServiceAsync();
        await SliceAsync(shop, (First, Ready));
        await SliceAsync(canary, (Second, Ready));
        await Namespace.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: {{shop}}}
            spec:
              service: {{shop}}
              rules: [{matches: [{path: {value: /canary} }], backends: [{service: {{canary}} }]}, {backends: [{service: {{shop}} }]}]
            """
        );

        foreach (var address in new[] { "10.78.0.5", "10.78.0.6" })
        {
            await ArriveAtAsync(address, First);
            await ArriveAtAsync($"{address}/canary", Second);
        }
    }

    [Fact]
    public async Task A_client_is_kept_at_one_endpoint_with_sessionAffinity()
    {
        var cart = await ServiceAsync("sessionAffinity: ClientIP");
        await SliceAsync(cart, (First, Ready), (Second, Ready));
        await Eventually.Succeeds(async () => IsOfMesh((await CallAsync(cart, 1))[0]).ShouldBeTrue());

        foreach (var url in new[] { $"http://{cart}/", string.Create(CultureInfo.InvariantCulture, $"http://{cart}:{BytesPort}/") })
            (await Caller.RepeatAsync(20, url, "connection: close")).DistinctBy(reply => reply.Pod).Count().ShouldBe(1, url);
    }

    private async Task<string> ServiceAsync(string fields = "type: ClusterIP")
    {
        var name = Mesh.UniqueName("service");
        await Mesh.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Service
            metadata: {name: {{name}}, namespace: {{Namespace.Name}}}
            spec:
              {{fields}}
              ports: [{name: http, port: 80, targetPort: {{ApplicationPort.Http}}}, {name: tcp-http, port: {{BytesPort}}}]
            """
        );
        await Eventually.Succeeds(() => Mesh.Names.Resolve(name, Namespace.Name));
        return name;
    }

    private Task SliceAsync(string service, params (RunningPod Pod, string Fields)[] endpoints) =>
        Mesh.ApplyAsync(
            Slice(service, endpoints.Select(endpoint => $"{{addresses: ['{endpoint.Pod.Network.Address}'], {endpoint.Fields}}}"))
        );

    private string Slice(string service, IEnumerable<string> endpoints) =>
        $$"""
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: {{service}}-1, namespace: {{Namespace.Name}}, labels: {kubernetes.io/service-name: {{service}} } }
            addressType: IPv4
            ports: [{name: http, port: {{ApplicationPort.Http}}}, {name: tcp-http, port: {{ApplicationPort.Http}}}]
            endpoints: [{{string.Join(", ", endpoints)}}]
            """;

    /// <summary>Waits until requests arrive at these pods and at no other.</summary>
    private Task ArriveAtAsync(string service, params RunningPod[] pods) =>
        Eventually.Succeeds(async () =>
        {
            var replies = await CallAsync(service, 20);
            replies.ShouldAllBe(reply => reply.Status == HttpStatusCode.OK && IsOfMesh(reply));
            replies
                .Select(reply => reply.Pod)
                .Distinct()
                .Order(StringComparer.Ordinal)
                .ShouldBe(pods.Select(pod => pod.Name).Order(StringComparer.Ordinal));
        });

    /// <summary>Requests on connections of their own: before the caller's proxy listens for a new service, one passes through, and the node
    /// chooses the pod.</summary>
    private Task<List<Reply>> CallAsync(string service, int count) => Caller.RepeatAsync(count, $"http://{service}", "connection: close");

    private static bool IsOfMesh(Reply reply) => reply.Arrived("x-forwarded-client-cert") is not null;
}
