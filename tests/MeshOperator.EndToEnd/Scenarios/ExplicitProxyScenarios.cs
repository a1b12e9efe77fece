using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using MeshOperator.Api;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Pods without redirection, as Pod Security <c>restricted</c> allows them: the proxy listens at the application's ports, and the
/// application listens on loopback.</summary>
public sealed class ExplicitProxyScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "explicit", proxies: 3)
{
    private const int LocalHttp = 19000;
    private const int LocalGrpc = 19001;
    private const int LocalBytes = 19002;

    private Client Friend => Workload("friend").Client;

    private Client Outside => Workload("outside").Client;

    private Client Batch => Workload("batch").Client;

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(
            ns.DeployAsync(
                new WorkloadSpec("web")
                {
                    Ports = [Port.Http, Port.Grpc, Port.Echo],
                    Annotations = new Dictionary<string, string>
                    {
                        [SidecarAnnotations.Interception] = "none",
                        [SidecarAnnotations.Inbound] = "proxy",
                        [Application.ListenAnnotation] = "loopback",
                    },
                    Container = new JsonObject
                    {
                        ["readinessProbe"] = new JsonObject
                        {
                            ["httpGet"] = new JsonObject { ["path"] = "/", ["port"] = ApplicationPort.Http },
                            ["periodSeconds"] = 1,
                        },
                    },
                }
            ),
            ns.DeployAsync("friend", account: "friend"),
            ns.DeployAsync("outside", meshed: false),
            ns.DeployAsync(
                new WorkloadSpec("batch")
                {
                    Account = "batch",
                    HasService = false,
                    Annotations = new Dictionary<string, string>
                    {
                        [SidecarAnnotations.Interception] = "none",
                        [SidecarAnnotations.LocalPorts] =
                            $"{LocalHttp}=web:{Port.Http.Number}, {LocalGrpc}=web:{Port.Grpc.Number}, {LocalBytes}=web:{Port.Echo.Number}",
                    },
                }
            )
        );

    [Fact]
    public async Task Meshed_callers_arrive_over_mutual_TLS_and_others_over_plaintext()
    {
        await AnsweredAsync(Friend, "http://web/", HttpStatusCode.OK);
        await AnsweredAsync(Outside, "http://web/", HttpStatusCode.OK);

        (await Friend.GetAsync("http://web/"))
            .Arrived("x-forwarded-client-cert")
            .ShouldNotBeNull()
            .ShouldContain($"ns/{Namespace.Name}/sa/friend");
        (await Outside.GetAsync("http://web/")).Arrived("x-forwarded-client-cert").ShouldBeNull();
    }

    [Fact]
    public async Task Strict_refuses_plaintext_while_the_pod_stays_ready()
    {
        await Namespace.ApplyAsync(
            """
            apiVersion: meshoperator.io/v1alpha1
            kind: MtlsPolicy
            metadata: {name: web}
            spec: {selector: {matchLabels: {app: web}}, mode: Strict}
            """
        );

        await AnsweredAsync(Friend, "http://web/", HttpStatusCode.OK);
        await Eventually.Succeeds(async () => await Should.ThrowAsync<HttpRequestException>(() => Outside.GetAsync("http://web/")));
        Mesh.View.Pods.Objects.Values.Single(p => p.Metadata.Name == Workload("web").Pods[0].Name).IsReady().ShouldBeTrue();
    }

    [Fact]
    public async Task Access_rules_and_rate_limits_hold()
    {
        await Namespace.ApplyAsync(
            """
            apiVersion: meshoperator.io/v1alpha1
            kind: MtlsPolicy
            metadata: {name: web}
            spec: {selector: {matchLabels: {app: web}}, mode: Permissive, deny: [{paths: [/secret]}]}
            ---
            apiVersion: meshoperator.io/v1alpha1
            kind: RateLimit
            metadata: {name: web}
            spec: {targetRefs: [{kind: Service, name: web, sectionName: http}], limits: [{requests: 2, unit: Hour,
              match: {path: {type: Exact, value: /slow}}}]}
            """
        );

        await AnsweredAsync(Friend, "http://web/secret", HttpStatusCode.Forbidden);
        var statuses = (await Friend.RepeatAsync(4, "http://web/slow")).ConvertAll(reply => reply.Status);
        statuses.ShouldBe([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests, HttpStatusCode.TooManyRequests]);
    }

    [Fact]
    public async Task Local_ports_lead_to_services_of_every_protocol_over_mutual_TLS()
    {
        await AnsweredAsync(Batch, $"http://localhost:{LocalHttp}/", HttpStatusCode.OK);
        var reply = await Batch.GetAsync($"http://localhost:{LocalHttp}/");
        reply.Arrived("x-forwarded-client-cert").ShouldNotBeNull().ShouldContain($"ns/{Namespace.Name}/sa/batch");

        using var channel = Batch.Grpc($"http://localhost:{LocalGrpc}");
        var echo = await new Echo.EchoClient(channel).UnaryAsync(
            new EchoRequest { Text = "hello" },
            cancellationToken: TestContext.Current.CancellationToken
        );
        echo.Text.ShouldBe("hello");

        using var connection = await Batch.ConnectAsync("localhost", LocalBytes);
        await connection.SendAsync("hello");
        (await connection.ReadUntilAsync("hello")).ShouldBe("hello");
    }

    [Theory]
    [InlineData("web", "200")]
    [InlineData("WEB", "200")]
    [InlineData("web.{0}", "200")]
    [InlineData("web.{0}.svc", "200")]
    [InlineData("web.{0}.svc.cluster.local", "200")]
    [InlineData("web.{0}.svc.cluster.local.", "200")]
    [InlineData("web.{0}.svc.cluster.local.:80", "200")]
    [InlineData("front.{0}.svc.cluster.local", "200")]
    [InlineData("web.{0}.svc.other.example", "502")]
    public async Task The_proxy_knows_a_service_by_every_name_that_the_clusters_DNS_has_for_it(string host, string status)
    {
        var name = string.Format(CultureInfo.InvariantCulture, host, Namespace.Name);
        await Namespace.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Service
            metadata: {name: front}
            spec: {type: ExternalName, externalName: web.{{Namespace.Name}}.svc.cluster.local}
            """
        );
        await Eventually.Succeeds(async () =>
        {
            using var connection = await Batch.ConnectAsync("localhost", ProxyPort.Outbound);
            await connection.SendAsync($"GET http://{name}/ HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
            (await connection.ReadToEndAsync()).ShouldStartWith($"HTTP/1.1 {status} ");
        });
    }

    [Theory]
    [InlineData("shard-0.shard:8080", "web")]
    [InlineData("shard-1.shard:8080", "friend")]
    [InlineData("shard-1.shard.{0}:8080", "friend")]
    [InlineData("SHARD-1.shard.{0}.svc:8080", "friend")]
    [InlineData("shard-1.shard.{0}.svc.cluster.local:8080", "friend")]
    [InlineData("shard-1.shard.{0}.svc.cluster.local.:8080", "friend")]
    [InlineData("shard-2.shard.{0}.svc:8080", null)]
    [InlineData("shard-1.shard.{0}.svc:80", null)]
    public async Task The_proxy_leads_to_a_pod_of_a_headless_service_by_the_pods_own_name(string host, string? pod)
    {
        var name = string.Format(CultureInfo.InvariantCulture, host, Namespace.Name);
        await ApplyShardAsync();
        await Eventually.Succeeds(async () =>
        {
            for (var i = 0; i < 5; i++)
            {
                using var connection = await Batch.ConnectAsync("localhost", ProxyPort.Outbound);
                await connection.SendAsync($"GET http://{name}/ HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
                var answer = await connection.ReadToEndAsync();
                answer.ShouldStartWith(pod is null ? "HTTP/1.1 502 " : "HTTP/1.1 200 ");
                if (pod is null)
                    continue;
                answer.ShouldContain($"x-pod: {Workload(pod).Pods[0].Name}\r\n", Case.Insensitive);
                answer.ShouldContain($"ns/{Namespace.Name}/sa/batch");
            }
        });
    }

    /// <summary>A headless service of which each pod has a name, as with a StatefulSet.</summary>
    private Task ApplyShardAsync() =>
        Namespace.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Service
            metadata: {name: shard}
            spec: {clusterIP: None, ports: [{name: http, port: 80, targetPort: {{ApplicationPort.Http}} }]}
            ---
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: shard-1, labels: {kubernetes.io/service-name: shard} }
            addressType: IPv4
            ports: [{name: http, port: {{ApplicationPort.Http}} }]
            endpoints:
              - {addresses: ['{{Workload("web").Pods[0].Network.Address}}'], hostname: shard-0}
              - {addresses: ['{{Workload("friend").Pods[0].Network.Address}}'], hostname: shard-1}
            """
        );

    private static Task AnsweredAsync(Client client, string url, HttpStatusCode status) =>
        Eventually.Succeeds(async () => (await client.GetAsync(url)).Status.ShouldBe(status));
}
