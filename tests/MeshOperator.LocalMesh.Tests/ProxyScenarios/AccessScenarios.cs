using MeshOperator.Api;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalMeshTests.ProxyScenarios;

/// <summary>Mutual TLS, and who may call what.</summary>
public abstract class AccessScenarios(ScenarioMesh mesh) : ProxyScenario(mesh)
{
    private const string FriendIdentity = "spiffe://cluster.local/ns/scenarios/sa/friend";

    [Fact]
    public async Task Meshed_caller_reaches_a_server_over_mutual_TLS_and_one_outside_over_plaintext()
    {
        (await Friend.GetAsync("http://web/")).Caller.ShouldBe(FriendIdentity);
        (await FromOutsideAsync()).Caller.ShouldBeNull();
    }

    [Fact]
    public async Task Strict_refuses_plaintext_and_takes_mutual_TLS()
    {
        await MtlsAsync("mode: Strict");

        await AnsweredAsync(Friend, 200);
        await Eventually.Succeeds(async () => await Should.ThrowAsync<HttpRequestException>(() => FromOutsideAsync()));
    }

    [Fact]
    public async Task Permissive_takes_plaintext_and_mutual_TLS()
    {
        await MtlsAsync("mode: Permissive");

        (await Friend.GetAsync("http://web/")).Caller.ShouldBe(FriendIdentity);
        (await FromOutsideAsync()).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Disabled_takes_plaintext_from_everybody()
    {
        await MtlsAsync("mode: Disabled");

        (await FromOutsideAsync()).Status.ShouldBe(200);
        await Eventually.Succeeds(async () =>
        {
            var reply = await Friend.GetAsync("http://web/");
            reply.Status.ShouldBe(200);
            reply.Caller.ShouldBeNull();
        });
    }

    [Fact]
    public async Task A_mode_of_a_port_takes_precedence_over_that_of_the_pod()
    {
        await MtlsAsync("mode: Strict\nportModes: {'8080': Permissive}");

        await Eventually.Succeeds(async () => (await FromOutsideAsync()).Status.ShouldBe(200));
        var web = Mesh.Running.FindPod("web");
        await Eventually.Succeeds(async () => (await Outside(web).SendBytesAsync(7000, "hello")).ShouldBeEmpty());
        (await Friend.SendBytesAsync(19002, "hello")).ShouldBe("hello");
    }

    [Theory]
    [InlineData("identities: ['" + FriendIdentity + "']")]
    [InlineData("serviceAccounts: [friend]")]
    public async Task Only_the_allowed_identity_is_answered(string rule)
    {
        await MtlsAsync($"mode: Permissive\nallow: [{{{rule}}}]");

        await AnsweredAsync(Other, 403);
        await Eventually.Succeeds(async () => (await FromOutsideAsync()).Status.ShouldBe(403));
        await AnsweredAsync(Friend, 200);
    }

    [Fact]
    public async Task A_namespace_is_allowed_or_denied_as_a_whole()
    {
        await MtlsAsync("mode: Strict\ndeny: [{namespaces: [scenarios]}]");
        await AnsweredAsync(Friend, 403);

        await MtlsAsync("mode: Strict\ndeny: null\nallow: [{namespaces: [scenarios]}]");
        await AnsweredAsync(Friend, 200);
    }

    [Fact]
    public async Task Paths_and_methods_are_allowed_and_a_denied_path_is_refused_all_the_same()
    {
        await MtlsAsync("mode: Permissive\nallow: [{methods: [GET], paths: [/api/*]}]\ndeny: [{paths: [/api/secret]}]");

        await AnsweredAsync(Friend, 403, "http://web/other");
        await AnsweredAsync(Friend, 200, "http://web/api/items");
        await AnsweredAsync(Friend, 403, "http://web/api/secret");
        (await Friend.SendAsync(HttpMethod.Post, "http://web/api/items", [], new StringContent("x"))).Status.ShouldBe(403);
    }

    [Fact]
    public async Task Bytes_come_from_the_allowed_identity_only()
    {
        await MtlsAsync("mode: Strict\nallow: [{serviceAccounts: [other]}]");
        (await Friend.SendBytesAsync(19002, "hello")).ShouldBeEmpty();

        await MtlsAsync("mode: Strict\nallow: [{serviceAccounts: [friend]}]");
        (await Friend.SendBytesAsync(19002, "hello")).ShouldBe("hello");
    }

    [Fact]
    public async Task A_policy_that_only_audits_lets_requests_pass_and_counts_them()
    {
        await MtlsAsync("mode: Permissive\nauditOnly: true\nallow: [{serviceAccounts: [nobody]}]");

        AllAnswered(await Other.RepeatAsync(10, "http://web/"));

        await Eventually.Succeeds(async () =>
        {
            using var metrics = PodClient.Outside(Mesh.Running.FindPod("web"), ProxyPort.Prometheus);
            (await metrics.GetAsync("/stats/prometheus")).Body.ShouldContain("shadow_denied");
        });
    }

    [Fact]
    public async Task Headers_of_the_mesh_that_come_from_outside_are_not_believed()
    {
        var reply = await FromOutsideAsync(
            "x-standin-show-headers: true",
            "x-forwarded-client-cert: URI=spiffe://cluster.local/ns/forged/sa/forged"
        );
        reply.Status.ShouldBe(200);
        (reply.Arrived("x-forwarded-client-cert") ?? string.Empty).ShouldNotContain("forged");

        var arrived = await CountAsync(
            "web",
            async () =>
                (await FromOutsideAsync("x-standin-status: 503", "x-envoy-retry-on: 5xx", "x-envoy-max-retries: 3")).Status.ShouldBe(503)
        );
        arrived.ShouldBe(1);
    }

    /// <summary>On a connection of its own.</summary>
    private async Task<Reply> FromOutsideAsync(params string[] headers)
    {
        using var client = PodClient.Outside(Mesh.Running.FindPod("web"));
        return await client.GetAsync("/", headers);
    }

    private static Task AnsweredAsync(PodClient client, int status, string url = "http://web/") =>
        Eventually.Succeeds(async () => (await client.RepeatAsync(4, url)).ShouldAllBe(reply => reply.Status == status));
}

[Collection<OnBuiltIn>]
public sealed class BuiltInAccessScenarios(BuiltInMesh mesh) : AccessScenarios(mesh);

[Collection<OnEnvoy>]
public sealed class EnvoyAccessScenarios(EnvoyMesh mesh) : AccessScenarios(mesh);
