using System.Net;
using System.Net.Sockets;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Pods with addresses of IPv4 and IPv6, which call a Service by both. The API servers of the tests give a Service a cluster IP of
/// IPv4 only, so its address of IPv6 is an external one.</summary>
public sealed class DualStackScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "dual", proxies: 3)
{
    private const string Ipv6Address = "fd78::5";

    private static readonly Dictionary<string, string> DualStack = new() { [RunningPod.DualStackAnnotation] = "true" };

    private Client Caller => Workload("client").Client;

    private Client Outside => Workload("outside").Client;

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(
            ns.DeployAsync(new WorkloadSpec("web") { Annotations = DualStack, HasService = false }),
            ns.DeployAsync(new WorkloadSpec("canary") { Annotations = DualStack, HasService = false }),
            ns.DeployAsync(new WorkloadSpec("client") { Annotations = DualStack, HasService = false }),
            ns.DeployAsync(
                new WorkloadSpec("outside")
                {
                    Annotations = DualStack,
                    HasService = false,
                    IsMeshed = false,
                }
            )
        );

    [Fact]
    public async Task Calls_by_both_families_are_split_and_go_over_mutual_TLS()
    {
        await ApplyServicesAsync();
        await Namespace.ApplyAsync(
            """
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: web}
            spec:
              service: web
              rules: [{matches: [{path: {value: /canary}}], backends: [{service: canary}]}, {backends: [{service: web}]}]
            ---
            apiVersion: meshoperator.io/v1alpha1
            kind: MtlsPolicy
            metadata: {name: strict}
            spec: {mode: Strict}
            """
        );

        foreach (var address in Addresses())
        {
            await ArriveAtAsync($"http://{address}/", "web");
            await ArriveAtAsync($"http://{address}/canary", "canary");
            await Eventually.Succeeds(() => Should.ThrowAsync<HttpRequestException>(() => Outside.GetAsync($"http://{address}/")));
        }
    }

    [Fact]
    public async Task Calls_to_the_pod_of_a_headless_service_by_both_families_go_over_mutual_TLS()
    {
        await ApplyServicesAsync();
        var pod = Workload("web").Pods[0].Network;

        foreach (var address in new[] { $"{pod.Address}", $"[{pod.OtherAddress}]" })
            await ArriveAtAsync($"http://{address}:{Applications.ApplicationPort.Http}/", "web");
    }

    /// <summary>One of each family, as in a URL.</summary>
    private List<string> Addresses()
    {
        var service = Mesh.View.Services.Objects[new ObjectKey(Namespace.Name, "web")];
        List<string> addresses = [.. service.Spec.ClusterIPs.Concat(service.Spec.ExternalIPs).Distinct()];
        addresses.Select(address => IPAddress.Parse(address).AddressFamily).ShouldContain(AddressFamily.InterNetworkV6);
        return addresses.ConvertAll(address => address.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : address);
    }

    private async Task ApplyServicesAsync()
    {
        await Namespace.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Service
            metadata: {name: web}
            spec:
              ipFamilyPolicy: PreferDualStack
              externalIPs: ['{{Ipv6Address}}']
              selector: {app: web}
              ports: [{name: http, port: 80, targetPort: 8080}]
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: canary}
            spec: {ipFamilyPolicy: PreferDualStack, selector: {app: canary}, ports: [{name: http, port: 80, targetPort: 8080}]}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: headless}
            spec: {clusterIP: None, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
            """
        );
        await Eventually.Succeeds(() => Addresses());
    }

    private Task ArriveAtAsync(string url, string workload) =>
        Eventually.Succeeds(async () =>
        {
            foreach (var reply in await Caller.RepeatAsync(10, url, "connection: close"))
            {
                reply.Version.ShouldBe(workload);
                reply.Arrived("x-forwarded-client-cert").ShouldNotBeNull().ShouldContain($"ns/{Namespace.Name}/sa/default");
            }
        });
}
