using System.Net;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

public sealed class TrafficSplitScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "split", proxies: 4)
{
    private string _web = string.Empty;

    private Client Caller => Workload("client").Client;

    /// <summary>The service that the test splits.</summary>
    private string Url => $"http://{_web}/";

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _web = await AliasAsync("web");
    }

    private protected override async Task DeployAsync(TestNamespace ns)
    {
        await Task.WhenAll(ns.DeployAsync("web"), ns.DeployAsync("canary"), ns.DeployAsync("other"), ns.DeployAsync("client"));
        await ns.ServiceAsync("empty", "nobody", headless: false);
    }

    [Fact]
    public async Task Caller_gets_both_versions_by_their_weights()
    {
        await SplitAsync("backends: [{service: web, weight: 90}, {service: canary, weight: 10}]");

        var load = await Caller.CallAsync(Url, callers: 4, requests: 1000);

        load.Failed.ShouldBe(0, load.ToString());
        load.CountVersion("canary").ShouldBeInRange(60, 145);
        load.CountVersion("web").ShouldBe(1000 - load.CountVersion("canary"));
    }

    [Fact]
    public async Task Backend_of_weight_0_gets_nothing_and_one_of_weight_999_nearly_all()
    {
        await SplitAsync("backends: [{service: web, weight: 1}, {service: other, weight: 0}, {service: canary, weight: 999}]");

        var load = await Caller.CallAsync(Url, callers: 4, requests: 1000);

        load.Failed.ShouldBe(0, load.ToString());
        load.CountVersion("other").ShouldBe(0);
        load.CountVersion("web").ShouldBeLessThan(12);
    }

    [Fact]
    public async Task Weights_that_change_12_times_under_load_fail_no_request()
    {
        await SplitAsync("backends: [{service: web, weight: 100}, {service: canary, weight: 0}]");

        var load = await Caller.LoadAsync(
            Url,
            rate: 150,
            during: async _ =>
            {
                for (var i = 1; i <= 12; i++)
                    await SplitAsync($"backends: [{{service: web, weight: {100 - (8 * i)}}}, {{service: canary, weight: {8 * i}}}]");
            }
        );

        load.Failed.ShouldBe(0, load.ToString());
        load.CountVersion("web").ShouldBeGreaterThan(0);
        load.CountVersion("canary").ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task Split_that_says_Programmed_is_in_effect()
    {
        for (var i = 0; i < 10; i++)
        {
            var backend = i % 2 == 0 ? "canary" : "other";
            await SplitAsync($"backends: [{{service: {backend}}}]");
            (await Caller.RepeatAsync(5, Url)).Where(r => r.Version != backend).Select(r => r.ToString()).ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task Share_of_a_missing_backend_is_answered_500_and_that_of_an_empty_one_503()
    {
        await SplitAsync("rules: [{matches: [{path: {value: /empty}}], backends: [{service: empty}]}, {backends: [{service: web}]}]");
        (await Caller.GetAsync(Url + "empty")).Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await Caller.GetAsync(Url)).Status.ShouldBe(HttpStatusCode.OK);

        await SplitAsync("backends: [{service: web, weight: 1}, {service: missing, weight: 1}]");
        var load = await Caller.CallAsync(Url, callers: 2, requests: 200);

        load.Count(HttpStatusCode.InternalServerError).ShouldBeInRange(60, 140);
        load.Count(HttpStatusCode.OK).ShouldBe(200 - load.Count(HttpStatusCode.InternalServerError));
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
        await SplitAsync($"rules: [{{matches: [{{{match}}}], backends: [{{service: canary}}]}}, {{backends: [{{service: web}}]}}]");

        (await Caller.GetAsync(Url + path, header)).Version.ShouldBe("canary");
        (await Caller.GetAsync(Url + "elsewhere", other ?? "x-a: b")).Version.ShouldBe("web");
    }

    [Fact]
    public async Task Request_is_matched_by_its_method()
    {
        await SplitAsync("rules: [{matches: [{method: POST}], backends: [{service: canary}]}, {backends: [{service: web}]}]");

        (await Caller.SendAsync(HttpMethod.Post, Url, [], new StringContent("x"))).Version.ShouldBe("canary");
        (await Caller.GetAsync(Url)).Version.ShouldBe("web");
    }

    [Fact]
    public async Task Mirror_gets_a_copy_of_each_request_and_the_caller_the_answer_of_the_backend()
    {
        await SplitAsync("rules: [{backends: [{service: web}], mirror: {service: canary, percent: 100}}]");

        var replies = await Caller.RepeatAsync(50, Url, "x-key: mirrored");

        replies.ShouldAllBe(r => r.Version == "web");
        await Eventually.Succeeds(() =>
            Behavior
                .Arrivals("mirrored")
                .CountBy(p => p.Split('-')[0])
                .ShouldBe([KeyValuePair.Create("web", 50), KeyValuePair.Create("canary", 50)], ignoreOrder: true)
        );
    }

    [Fact]
    public async Task No_copy_is_lost_of_a_crowd_of_quick_requests()
    {
        await SplitAsync("rules: [{backends: [{service: web}], mirror: {service: canary, percent: 100}}]");
        var key = Mesh.UniqueName("crowd");

        var load = await Caller.CallAsync(Url, callers: 50, requests: 1000, $"x-key: {key}");

        load.Failed.ShouldBe(0, load.ToString());
        await Eventually.Succeeds(() =>
            Behavior.Arrivals(key).Count(pod => pod.StartsWith("canary", StringComparison.Ordinal)).ShouldBe(1000)
        );
    }

    [Fact]
    public async Task Sessions_stick_to_their_backend_by_a_cookie()
    {
        await SplitAsync(
            "rules: [{backends: [{service: web, weight: 1}, {service: canary, weight: 1}], sticky: {cookie: {name: session}}}]"
        );
        var versions = new HashSet<string>();
        for (var session = 0; session < 20; session++)
        {
            // The proxy makes the cookie from the addresses of the connection.
            using var visitor = new Client(Workload("client").Pods[0], Mesh.Names);
            var first = await visitor.GetAsync(Url);
            var cookie = first.Headers["set-cookie"].Split(';')[0];
            versions.Add(first.Version);

            (await Caller.RepeatAsync(5, Url, $"cookie: {cookie}")).ShouldAllBe(r => r.Pod == first.Pod);
        }

        versions.ShouldBe(["web", "canary"], ignoreOrder: true);
    }

    [Fact]
    public async Task Sessions_stick_to_their_backend_by_a_header()
    {
        await SplitAsync("rules: [{backends: [{service: web, weight: 1}, {service: canary, weight: 1}], sticky: {header: x-user}}]");
        var versions = new HashSet<string>();
        for (var user = 0; user < 20; user++)
        {
            var replies = await Caller.RepeatAsync(5, Url, $"x-user: user-{user}");
            replies.ShouldAllBe(r => r.Pod == replies[0].Pod);
            versions.Add(replies[0].Version);
        }

        versions.ShouldBe(["web", "canary"], ignoreOrder: true);
    }

    [Fact]
    public async Task Faults_delay_and_abort_requests()
    {
        await SplitAsync(
            """
            rules:
              - {matches: [{path: {value: /slow}}], backends: [{service: web}], fault: {delay: {duration: 400ms}}}
              - {matches: [{path: {value: /broken}}], backends: [{service: web}], fault: {abort: {status: 418}}}
              - {backends: [{service: web}]}
            """
        );

        (await Caller.GetAsync(Url + "slow")).Elapsed.ShouldBeGreaterThan(TimeSpan.FromMilliseconds(390));
        ((int)(await Caller.GetAsync(Url + "broken")).Status).ShouldBe(418);
        (await Caller.GetAsync(Url)).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Request_that_takes_longer_than_its_timeout_is_answered_504()
    {
        await SplitAsync("rules: [{backends: [{service: web}], timeouts: {request: 300ms}}]");

        var late = await Caller.GetAsync(Url, "x-delay: 3000");

        late.Status.ShouldBe(HttpStatusCode.GatewayTimeout);
        late.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(2));
        (await Caller.GetAsync(Url, "x-delay: 10")).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Headers_are_set_added_and_removed_on_the_way_to_the_application()
    {
        await SplitAsync(
            "rules: [{backends: [{service: web}], headers: {set: [{name: x-set, value: new}], add: [{name: x-added, value: more}], "
                + "remove: [x-secret]}}]"
        );

        var reply = await Caller.GetAsync(Url, "x-set: old", "x-secret: 1", "x-kept: 2");

        reply.Arrived("x-set").ShouldBe("new");
        reply.Arrived("x-added").ShouldBe("more");
        reply.Arrived("x-secret").ShouldBeNull();
        reply.Arrived("x-kept").ShouldBe("2");
    }

    private Task SplitAsync(string rest) =>
        Namespace.ApplyAsync(
            $"""
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata:
              name: {_web}
            spec:
              service: {_web}
              {rest.ReplaceLineEndings("\n  ")}
            """
        );
}
