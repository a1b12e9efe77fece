using System.Net;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

public sealed class MutualTlsScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "mtls", proxies: 3)
{
    private Client Friend => Workload("friend").Client;

    private Client Other => Workload("other").Client;

    private Client Outside => Workload("outside").Client;

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(
            ns.DeployAsync(new WorkloadSpec("web") { Ports = [Port.Http, Port.Echo, Port.MySql] }),
            ns.DeployAsync("friend", account: "friend"),
            ns.DeployAsync("other", account: "other"),
            ns.DeployAsync("outside", meshed: false)
        );

    [Fact]
    public async Task Meshed_caller_reaches_a_server_over_mutual_TLS_and_one_outside_over_plaintext()
    {
        await EventuallyAnsweredAsync("friend", HttpStatusCode.OK);
        await EventuallyAnsweredAsync("outside", HttpStatusCode.OK);
        var meshed = await FreshAsync("friend");
        var plain = await FreshAsync("outside");

        meshed.Arrived("x-forwarded-client-cert").ShouldNotBeNull().ShouldContain($"ns/{Namespace.Name}/sa/friend");
        plain.Arrived("x-forwarded-client-cert").ShouldBeNull();
    }

    [Fact]
    public async Task Strict_refuses_plaintext_and_takes_mutual_TLS()
    {
        await MtlsAsync("mode: Strict");

        await EventuallyAnsweredAsync("friend", HttpStatusCode.OK);
        await Eventually.Succeeds(async () => await Should.ThrowAsync<HttpRequestException>(() => FreshAsync("outside")));
    }

    [Fact]
    public async Task Disabled_takes_plaintext_from_everybody()
    {
        await MtlsAsync("mode: Disabled");

        await EventuallyAnsweredAsync("outside", HttpStatusCode.OK);
        await Eventually.Succeeds(async () => (await FreshAsync("friend")).Arrived("x-forwarded-client-cert").ShouldBeNull());
    }

    [Fact]
    public async Task A_mode_of_a_port_takes_precedence_over_that_of_the_pod()
    {
        await MtlsAsync($"mode: Strict, portModes: {{'{ApplicationPort.Http}': Permissive}}");

        await EventuallyAnsweredAsync("outside", HttpStatusCode.OK);
        await Eventually.Succeeds(async () =>
        {
            using var connection = await Outside.ConnectAsync("web", Port.Echo.Number);
            await connection.SendAsync("hello");
            (await connection.ReadToEndAsync()).ShouldBeEmpty();
        });
        using var meshed = await Friend.ConnectAsync("web", Port.Echo.Number);
        await meshed.SendAsync("hello");
        (await meshed.ReadUntilAsync("hello")).ShouldBe("hello");
    }

    [Fact]
    public async Task Only_the_allowed_identity_is_answered()
    {
        await MtlsAsync($"mode: Permissive, allow: [{{identities: ['spiffe://cluster.local/ns/{Namespace.Name}/sa/friend']}}]");

        await EventuallyAnsweredAsync("other", HttpStatusCode.Forbidden);
        await EventuallyAnsweredAsync("outside", HttpStatusCode.Forbidden);
        await EventuallyAnsweredAsync("friend", HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_namespace_is_allowed_or_denied_as_a_whole()
    {
        await MtlsAsync($"mode: Strict, deny: [{{namespaces: [{Namespace.Name}]}}]");
        await EventuallyAnsweredAsync("friend", HttpStatusCode.Forbidden);

        await MtlsAsync($"mode: Strict, allow: [{{namespaces: [{Namespace.Name}]}}]");
        await EventuallyAnsweredAsync("friend", HttpStatusCode.OK);
    }

    [Fact]
    public async Task Paths_and_methods_are_allowed_and_a_denied_path_is_refused_all_the_same()
    {
        await MtlsAsync("mode: Permissive, allow: [{methods: [GET], paths: [/api/*]}], deny: [{paths: [/api/secret]}]");

        await EventuallyAnsweredAsync("friend", HttpStatusCode.Forbidden, "http://web/other");
        await EventuallyAnsweredAsync("friend", HttpStatusCode.OK, "http://web/api/items");
        await EventuallyAnsweredAsync("friend", HttpStatusCode.Forbidden, "http://web/api/secret");
        (await Friend.SendAsync(HttpMethod.Post, "http://web/api/items", [], new StringContent("x"))).Status.ShouldBe(
            HttpStatusCode.Forbidden
        );
    }

    [Fact]
    public async Task Bytes_come_from_the_allowed_identity_only_also_where_the_server_speaks_first()
    {
        await MtlsAsync(
            $"mode: Strict, allow: [{{identities: ['spiffe://cluster.local/ns/{Namespace.Name}/sa/friend'], ports: "
                + $"[{ApplicationPort.SpeaksFirst}]}}]"
        );

        using var allowed = await Friend.ConnectAsync("web", Port.MySql.Number);
        (await allowed.ReadUntilAsync("\n")).ShouldStartWith("220 web");
        await Eventually.Succeeds(async () =>
        {
            using var refused = await Other.ConnectAsync("web", Port.MySql.Number);
            (await refused.ReadToEndAsync()).ShouldBeEmpty();
        });
    }

    [Fact]
    public async Task A_policy_that_only_audits_lets_requests_pass_and_counts_them()
    {
        await MtlsAsync("mode: Permissive, auditOnly: true, allow: [{identities: ['spiffe://cluster.local/ns/nobody/sa/nobody']}]");

        await Eventually.Succeeds(async () =>
        {
            (await FreshAsync("other")).Status.ShouldBe(HttpStatusCode.OK);
            (await Workload("web").Pods[0].Proxy!.AdminAsync("/stats?filter=shadow_denied&usedonly")).ShouldContain("shadow_denied");
        });
    }

    [Fact]
    public async Task Headers_of_the_mesh_that_come_from_outside_are_not_believed()
    {
        await EventuallyAnsweredAsync("outside", HttpStatusCode.OK);
        var reply = await Outside.GetAsync(
            "http://web/",
            "x-forwarded-client-cert: URI=spiffe://cluster.local/ns/forged/sa/forged",
            "x-envoy-retry-on: 5xx"
        );

        reply.Status.ShouldBe(HttpStatusCode.OK);
        (reply.Arrived("x-forwarded-client-cert") ?? string.Empty).ShouldNotContain("forged");
        (
            await Outside.GetAsync(
                "http://web/",
                "x-key: forged-retries",
                "x-fail-first: 1",
                "x-envoy-retry-on: 5xx",
                "x-envoy-max-retries: 3"
            )
        ).Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        Behavior.Arrivals("forged-retries").Count.ShouldBe(1);
    }

    /// <summary>A request on a connection of its own, as those that are open can go on under the old rules.</summary>
    private async Task<Reply> FreshAsync(string workload, string url = "http://web/")
    {
        using var client = new Client(Workload(workload).Pods[0], Mesh.Names);
        return await client.GetAsync(url);
    }

    private Task EventuallyAnsweredAsync(string workload, HttpStatusCode status, string url = "http://web/") =>
        Eventually.Succeeds(async () => (await FreshAsync(workload, url)).Status.ShouldBe(status));

    private Task MtlsAsync(string spec) =>
        Namespace.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: MtlsPolicy
            metadata: {name: web}
            spec: {selector: {matchLabels: {app: web} }, {{spec}} }
            """
        );
}
