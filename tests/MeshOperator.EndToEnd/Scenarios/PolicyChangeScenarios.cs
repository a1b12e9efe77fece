using System.Net;
using System.Text.Json.Nodes;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>What a changed policy does to connections that are open: it holds for their next request, and ends none that it still
/// allows.</summary>
public sealed class PolicyChangeScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "change", proxies: 3)
{
    private const string Web = "{matchLabels: {app: web}}";

    private Client Friend => Workload("friend").Client;

    private Client Other => Workload("other").Client;

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(
            ns.DeployAsync(
                new WorkloadSpec("web")
                {
                    Ports = [Port.Http, Port.Grpc, Port.Echo, Port.MySql, new Port("any", 8000, ApplicationPort.Http)],
                }
            ),
            ns.DeployAsync("friend", account: "friend"),
            ns.DeployAsync("other", account: "other")
        );

    [Theory]
    [InlineData("http://web/", "1.1")]
    [InlineData("http://web:9090/", "2.0")]
    [InlineData("http://web:8000/", "1.1")]
    public async Task The_next_request_on_a_quiet_connection_is_judged_by_the_changed_rules(string url, string version)
    {
        using var http = Friend.CreateHttp(onConnect: null);
        await ReachesAsync(http, url, version);

        for (var i = 0; i < 3; i++)
        {
            await RulesAsync($"deny: [{{identities: ['{Identity("friend")}']}}]");
            (await StatusAsync(http, url, version)).ShouldBe(HttpStatusCode.Forbidden);
            await RulesAsync($"allow: [{{identities: ['{Identity("friend")}']}}]");
            (await StatusAsync(http, url, version)).ShouldBe(HttpStatusCode.OK);
        }
    }

    [Fact]
    public async Task The_next_request_on_a_quiet_connection_is_counted_by_the_changed_limit()
    {
        using var http = Friend.CreateHttp(onConnect: null);
        await ReachesAsync(http, "http://web/", "1.1");

        await LimitAsync("[{requests: 1, unit: Hour, burst: 1}]");
        (await StatusAsync(http, "http://web/", "1.1")).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(http, "http://web/", "1.1")).ShouldBe(HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task A_bucket_is_as_full_as_before_after_any_other_change()
    {
        const string strict = "{requests: 2, unit: Hour, burst: 2, match: {path: {value: /one}}}";
        using var http = Friend.CreateHttp(onConnect: null);
        await ReachesAsync(http, "http://web/", "1.1");
        await LimitAsync($"[{strict}]");
        for (var i = 0; i < 2; i++)
            (await StatusAsync(http, "http://web/one", "1.1")).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(http, "http://web/one", "1.1")).ShouldBe(HttpStatusCode.TooManyRequests);

        await LimitAsync($"[{strict}, {{requests: 5, unit: Hour, burst: 5, match: {{path: {{value: /two}}}}}}]");
        (await StatusAsync(http, "http://web/one", "1.1")).ShouldBe(HttpStatusCode.TooManyRequests);
        await RulesAsync("deny: [{paths: [/three]}]");
        (await StatusAsync(http, "http://web/one", "1.1")).ShouldBe(HttpStatusCode.TooManyRequests);
        for (var i = 0; i < 5; i++)
            (await StatusAsync(http, "http://web/two", "1.1")).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(http, "http://web/two", "1.1")).ShouldBe(HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task A_denied_caller_gets_no_byte_of_a_server_that_speaks_first()
    {
        await RulesAsync($"deny: [{{identities: ['{Identity("friend")}']}}]");

        using var denied = await Friend.ConnectAsync("web", Port.MySql.Number);
        (await denied.ReadToEndAsync()).ShouldBeEmpty();
        using var allowed = await Other.ConnectAsync("web", Port.MySql.Number);
        (await allowed.ReadUntilAsync("\n")).ShouldStartWith("220");
    }

    [Fact]
    public async Task A_revoked_connection_of_bytes_ends_at_its_next_byte_and_a_wider_rule_ends_none()
    {
        using var friend = await EchoAsync(Friend);
        using var other = await EchoAsync(Other);

        await RulesAsync($"allow: [{{identities: ['{Identity("friend")}', '{Identity("other")}']}}]");
        using var later = await EchoAsync(Friend);
        await RulesAsync($"allow: [{{namespaces: [{Namespace.Name}]}}]");
        await RulesAsync("allow: [{}]".Replace("{}", $"{{namespaces: [{Namespace.Name}, elsewhere]}}", StringComparison.Ordinal));
        (await SayAsync(later, "still here")).ShouldBe("still here");

        await RulesAsync($"deny: [{{identities: ['{Identity("other")}']}}]");
        using var stranger = await EchoAsync(Friend);
        await other.SendAsync("may I?");
        (await other.ReadToEndAsync()).ShouldBeEmpty();
        (await SayAsync(stranger, "I may")).ShouldBe("I may");
    }

    [Fact]
    public async Task Limits_splits_retries_and_breakers_change_no_listener()
    {
        await LimitAsync("[{requests: 1000}]");
        var web = Workload("web").Pods[0].Proxy!;
        var caller = Workload("friend").Pods[0].Proxy!;
        foreach (var (kind, spec) in Changes())
        {
            var before = (await CountersAsync(web), await CountersAsync(caller));
            await PolicyAsync(kind, spec);
            (await CountersAsync(web), await CountersAsync(caller)).ShouldBe(before, spec);
        }
    }

    [Fact]
    public async Task Rules_never_replace_the_listener_and_a_wider_one_changes_no_chain()
    {
        await RulesAsync("deny: [{paths: [/none]}]");
        var web = Workload("web").Pods[0].Proxy!;
        foreach (
            var (rules, isWider) in new[]
            {
                ("allow: [{methods: [GET]}]", true),
                ($"allow: [{{identities: ['{Identity("other")}']}}]", true),
                ("allow: [{serviceAccounts: [other, friend]}]", true),
                ($"allow: [{{namespaces: [{Namespace.Name}]}}]", true),
                ("allow: [{methods: [GET], paths: [/a*]}]", false),
                ("auditOnly: true, allow: [{methods: [GET], paths: [/a*]}]", true),
                ("deny: [{serviceAccounts: [elsewhere/one]}]", false),
                ("deny: [{serviceAccounts: [elsewhere/one], paths: [/b], methods: [PUT]}]", true),
                ("deny: [{serviceAccounts: [elsewhere/one]}, {serviceAccounts: [elsewhere/one], methods: [PUT]}]", true),
            }
        )
        {
            var before = await CountersAsync(web);
            await RulesAsync(rules);
            var after = await CountersAsync(web);
            (after.Modified - before.Modified).ShouldBe(after.InPlace - before.InPlace, $"{rules}: the listener was replaced as a whole");
            (after.InPlace - before.InPlace).ShouldBe(isWider ? 0 : 1, rules);
        }
    }

    [Theory]
    [InlineData("portModes: {'8080': Strict}")]
    [InlineData("tls: {minVersion: '1.3'}")]
    public async Task Modes_and_TLS_replace_filter_chains_and_not_the_listener(string change)
    {
        await RulesAsync("deny: [{paths: [/admin]}]");
        var web = Workload("web").Pods[0].Proxy!;
        var (modified, inPlace) = await CountersAsync(web);

        await RulesAsync($"deny: [{{paths: [/admin]}}], {change}");

        var after = await CountersAsync(web);
        (after.InPlace - inPlace).ShouldBe(1);
        (after.Modified - modified).ShouldBe(1, "an update in place counts as a modification too");
    }

    private static IEnumerable<(string Kind, string Spec)> Changes() =>
        [
            .. new[]
            {
                "[{requests: 100}]",
                "[{requests: 100, unit: Minute}]",
                "[{requests: 100, burst: 7}]",
                "[{requests: 100, match: {method: GET}}]",
                "[{requests: 100}, {requests: 200, match: {path: {value: /a}}}]",
                "[{requests: 1}, {requests: 2}, {requests: 3}, {requests: 4}, {requests: 5}, {requests: 6}]",
            }.Select(limits => ("RateLimit", $"selector: {Web}, limits: {limits}")),
            ("TrafficSplit", "service: web, port: 80, backends: [{service: web, weight: 1}, {service: friend, weight: 1}]"),
            ("TrafficSplit", "service: web, port: 7, backends: [{service: web, weight: 9}, {service: other, port: 80, weight: 1}]"),
            ("TrafficSplit", "service: web, port: 7, backends: [{service: web, weight: 1}, {service: other, port: 80, weight: 9}]"),
            (
                "TrafficSplit",
                "service: web, port: 80, rules: [{matches: [{path: {value: /a}}], timeouts: {request: 5s}, backends: [{service: web}]}]"
            ),
            (
                "RetryPolicy",
                "targetRefs: [{kind: Service, name: web}], attempts: 3, timeouts: {idle: 600s, connect: 3s}, budget: {percent: 50}"
            ),
            ("CircuitBreaker", "targetRefs: [{kind: Service, name: web}], maxConnections: 500, outlierDetection: {consecutive5xx: 5}"),
        ];

    private static async Task<(int Modified, int InPlace)> CountersAsync(Node.ProxyProcess proxy)
    {
        var stats = JsonNode.Parse(
            await proxy.AdminAsync("/stats?format=json&filter=^listener_manager.listener_(modified|in_place_updated)$")
        )!["stats"]!.AsArray();
        int Value(string name) => (int?)stats.FirstOrDefault(s => (string?)s!["name"] == name)?["value"] ?? 0;
        return (Value("listener_manager.listener_modified"), Value("listener_manager.listener_in_place_updated"));
    }

    /// <summary>A connection that is answered. What a test before this one has forbidden may hold for a moment.</summary>
    private static async Task<RawConnection> EchoAsync(Client client)
    {
        RawConnection? answered = null;
        await Eventually.Succeeds(async () =>
        {
            var connection = await client.ConnectAsync("web", Port.Echo.Number);
            (await SayAsync(connection, "hello")).ShouldBe("hello");
            answered = connection;
        });
        return answered!;
    }

    private static Task ReachesAsync(HttpClient http, string url, string version) =>
        Eventually.Succeeds(async () => (await StatusAsync(http, url, version)).ShouldBe(HttpStatusCode.OK));

    private static async Task<string> SayAsync(RawConnection connection, string text)
    {
        await connection.SendAsync(text);
        return await connection.ReadUntilAsync(text);
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient http, string url, string version)
    {
        using var request = Client.Request(HttpMethod.Get, url, [], null, Version.Parse(version));
        using var response = await http.SendAsync(request);
        return response.StatusCode;
    }

    private string Identity(string account) => $"spiffe://cluster.local/ns/{Namespace.Name}/sa/{account}";

    private Task RulesAsync(string spec) => PolicyAsync("MtlsPolicy", $"selector: {Web}, mode: Permissive, {spec}");

    private Task LimitAsync(string limits) => PolicyAsync("RateLimit", $"selector: {Web}, limits: {limits}");

    private Task PolicyAsync(string kind, string spec) =>
        Namespace.ApplyAsync($"{{apiVersion: meshoperator.io/v1alpha1, kind: {kind}, metadata: {{name: web}}, spec: {{{spec}}}}}");
}
