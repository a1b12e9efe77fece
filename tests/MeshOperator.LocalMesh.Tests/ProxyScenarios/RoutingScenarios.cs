using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalMeshTests.ProxyScenarios;

/// <summary>Where requests go, and what is done to them on the way.</summary>
public abstract class RoutingScenarios(ScenarioMesh mesh) : ProxyScenario(mesh)
{
    [Fact]
    public async Task Caller_gets_both_versions_by_their_weights()
    {
        await SplitAsync($"backends: [{{service: {Web}, weight: 90}}, {{service: canary, weight: 10}}]");

        var replies = await Friend.CallAsync(Url, callers: 4, requests: 1000);

        AllAnswered(replies);
        replies.Count(reply => reply.Version == "canary").ShouldBeInRange(60, 145);
    }

    [Fact]
    public async Task Backend_of_weight_0_gets_nothing()
    {
        await SplitAsync($"backends: [{{service: {Web}, weight: 1}}, {{service: canary, weight: 0}}]");

        (await Friend.CallAsync(Url, callers: 4, requests: 100)).ShouldAllBe(reply => reply.Version == "web");
    }

    [Fact]
    public async Task Split_that_says_Programmed_is_in_effect()
    {
        for (var i = 0; i < 6; i++)
        {
            var (backend, version) = i % 2 == 0 ? ("canary", "canary") : (Web, "web");
            await SplitAsync($"backends: [{{service: {backend}}}]");
            (await Friend.RepeatAsync(5, Url)).ShouldAllBe(reply => reply.Version == version);
        }
    }

    [Fact]
    public async Task Share_of_a_missing_backend_is_answered_500_and_that_of_an_empty_one_503()
    {
        await SplitAsync(
            $"rules: [{{matches: [{{path: {{value: /empty}}}}], backends: [{{service: empty}}]}}, {{backends: [{{service: {Web}}}]}}]"
        );
        (await Friend.GetAsync(Url + "empty")).Status.ShouldBe(503);
        (await Friend.GetAsync(Url)).Status.ShouldBe(200);

        await Mesh.Running.ApplyUnresolvedAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: {{Web}}, namespace: scenarios}
            spec: {service: {{Web}}, rules: [{backends: [{service: {{Web}}, weight: 1}, {service: missing, weight: 1}]}]}
            """
        );
        var replies = await Friend.CallAsync(Url, callers: 2, requests: 200);

        replies.Count(reply => reply.Status == 500).ShouldBeInRange(60, 140);
        replies.ShouldAllBe(reply => reply.Status == 500 || reply.Status == 200);
    }

    [Theory]
    [InlineData("headers: [{name: x-user, value: staff}]", "", "x-user: staff", "x-user: guest")]
    [InlineData("headers: [{name: x-user, type: RegularExpression, value: 'st.*'}]", "", "x-user: staff", "x-user: guest")]
    [InlineData("cookies: [{name: group, value: beta}]", "", "cookie: a=b; group=beta; c=d", "cookie: group=alpha")]
    [InlineData("path: {value: /v2}", "v2/items", "x-a: b", null)]
    [InlineData("path: {type: Exact, value: /v2}", "v2", "x-a: b", null)]
    [InlineData("path: {type: RegularExpression, value: '/v[0-9]+/.*'}", "v12/items", "x-a: b", null)]
    [InlineData("queryParams: [{name: group, value: beta}]", "?group=beta", "x-a: b", null)]
    public async Task Request_that_a_match_describes_goes_to_the_rules_backend(string match, string path, string header, string? other)
    {
        await SplitAsync($"rules: [{{matches: [{{{match}}}], backends: [{{service: canary}}]}}, {{backends: [{{service: {Web}}}]}}]");

        (await Friend.GetAsync(Url + path, header)).Version.ShouldBe("canary");
        (await Friend.GetAsync(Url + "elsewhere", other ?? "x-a: b")).Version.ShouldBe("web");
    }

    [Fact]
    public async Task Request_is_matched_by_its_method()
    {
        await SplitAsync($"rules: [{{matches: [{{method: POST}}], backends: [{{service: canary}}]}}, {{backends: [{{service: {Web}}}]}}]");

        (await Friend.SendAsync(HttpMethod.Post, Url, [], new StringContent("x"))).Version.ShouldBe("canary");
        (await Friend.GetAsync(Url)).Version.ShouldBe("web");
    }

    [Fact]
    public async Task Mirror_gets_a_copy_of_each_request_and_the_caller_the_answer_of_the_backend()
    {
        await SplitAsync($"rules: [{{backends: [{{service: {Web}}}], mirror: {{service: canary, percent: 100}}}}]");
        var (web, canary) = (Arrived("web"), Arrived("canary"));

        (await Friend.RepeatAsync(50, Url)).ShouldAllBe(reply => reply.Version == "web");

        (Arrived("web") - web).ShouldBe(50);
        await Eventually.Succeeds(() => (Arrived("canary") - canary).ShouldBe(50));
    }

    [Fact]
    public async Task Sessions_stick_to_their_backend_by_a_cookie()
    {
        await SplitAsync(
            $"rules: [{{backends: [{{service: {Web}, weight: 1}}, {{service: canary, weight: 1}}], sticky: {{cookie: {{name: session}}}}}}]"
        );
        var versions = new HashSet<string>();
        for (var session = 0; session < 20; session++)
        {
            // A proxy can make the cookie from the addresses of the connection, so each visitor has one of its own.
            var first = await Friend.GetAsync(Url);
            var cookie = first.Headers["set-cookie"].Split(';')[0];
            versions.Add(first.Version);

            (await Friend.RepeatAsync(5, Url, $"cookie: {cookie}")).ShouldAllBe(reply => reply.Pod == first.Pod);
        }

        versions.ShouldBe(["web", "canary"], ignoreOrder: true);
    }

    [Fact]
    public async Task Sessions_stick_to_their_backend_by_a_header()
    {
        await SplitAsync(
            $"rules: [{{backends: [{{service: {Web}, weight: 1}}, {{service: canary, weight: 1}}], sticky: {{header: x-user}}}}]"
        );
        var versions = new HashSet<string>();
        for (var user = 0; user < 20; user++)
        {
            var replies = await Friend.RepeatAsync(5, Url, $"x-user: user-{user}");
            replies.ShouldAllBe(reply => reply.Pod == replies[0].Pod);
            versions.Add(replies[0].Version);
        }

        versions.ShouldBe(["web", "canary"], ignoreOrder: true);
    }

    [Fact]
    public async Task Faults_delay_and_abort_requests()
    {
        await SplitAsync(
            $$$$"""
            rules:
              - {matches: [{path: {value: /slow}}], backends: [{service: {{{{Web}}}} }], fault: {delay: {duration: 400ms}}}
              - {matches: [{path: {value: /broken}}], backends: [{service: {{{{Web}}}} }], fault: {abort: {status: 418}}}
              - {backends: [{service: {{{{Web}}}} }]}
            """
        );

        (await Friend.GetAsync(Url + "slow")).Elapsed.ShouldBeGreaterThan(TimeSpan.FromMilliseconds(390));
        (await CountAsync("web", async () => (await Friend.GetAsync(Url + "broken")).Status.ShouldBe(418))).ShouldBe(0);
        (await Friend.GetAsync(Url)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Request_that_takes_longer_than_its_timeout_is_answered_504()
    {
        await SplitAsync($"rules: [{{backends: [{{service: {Web}}}], timeouts: {{request: 500ms}}}}]");

        var late = await Friend.GetAsync(Url, "x-standin-delay: 10s");

        late.Status.ShouldBe(504);
        late.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(5));
        (await Friend.GetAsync(Url)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Headers_are_set_added_and_removed_on_the_way_to_the_application()
    {
        await SplitAsync(
            $"rules: [{{backends: [{{service: {Web}}}], headers: {{set: [{{name: x-set, value: new}}], "
                + "add: [{name: x-added, value: more}], remove: [x-secret]}}]"
        );

        var reply = await Friend.GetAsync(Url, "x-standin-show-headers: true", "x-set: old", "x-secret: 1", "x-kept: 2");

        reply.Arrived("x-set").ShouldBe("new");
        reply.Arrived("x-added").ShouldBe("more");
        reply.Arrived("x-secret").ShouldBeNull();
        reply.Arrived("x-kept").ShouldBe("2");
    }
}

[Collection<OnBuiltIn>]
public sealed class BuiltInRoutingScenarios(BuiltInMesh mesh) : RoutingScenarios(mesh);

[Collection<OnEnvoy>]
public sealed class EnvoyRoutingScenarios(EnvoyMesh mesh) : RoutingScenarios(mesh);
