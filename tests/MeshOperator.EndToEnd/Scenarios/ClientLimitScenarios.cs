using System.Net;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Rate limits of each client, and requests that cost more than others, counted at the application.</summary>
public sealed class ClientLimitScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "client-limit", proxies: 3)
{
    private const string LimitedBy = "x-meshoperator-rate-limited-by";
    private const string LimitedClient = "x-meshoperator-rate-limited-client";

    private string _web = string.Empty;

    private Client Caller => Workload("client").Client;

    private Client Other => Workload("other").Client;

    private string Url => $"http://{_web}/";

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _web = await AliasAsync("web");
        Expect(
            "'descriptors' is set but only used by route configuration",
            "rate limits are buckets of the filter, which this Envoy will not take for ever"
        );
    }

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(
            ns.DeployAsync("web"),
            ns.DeployAsync(new WorkloadSpec("client") { Account = "client" }),
            ns.DeployAsync(new WorkloadSpec("other") { Account = "other" }),
            ns.DeployAsync(new WorkloadSpec("outside") { IsMeshed = false })
        );

    [Fact]
    public async Task Noisy_client_is_refused_and_the_others_are_not()
    {
        await LimitAsync("requests: 20, unit: Hour, per: {header: x-key}");
        var (noisy, quiet) = (Mesh.UniqueName("noisy"), Mesh.UniqueName("quiet"));

        var load = await Caller.CallAsync(Url, callers: 4, requests: 100, $"x-key: {noisy}");
        var others = await Caller.RepeatAsync(20, Url, $"x-key: {quiet}");
        var refused = await Caller.GetAsync(Url, $"x-key: {noisy}");

        load.Count(HttpStatusCode.TooManyRequests).ShouldBe(80, load.ToString());
        Behavior.Arrivals(noisy).Count.ShouldBe(20);
        others.ShouldAllBe(reply => reply.Status == HttpStatusCode.OK);
        Behavior.Arrivals(quiet).Count.ShouldBe(20);
        refused.Headers[LimitedBy].ShouldBe($"{Namespace.Name}/{_web}");
        refused.Headers[LimitedClient].ShouldBe("x-key");
    }

    [Fact]
    public async Task Requests_without_the_header_are_one_client()
    {
        await LimitAsync("requests: 5, unit: Hour, per: {header: x-key}");

        var replies = await Caller.RepeatAsync(8, Url);

        replies.Count(reply => reply.Status == HttpStatusCode.OK).ShouldBe(5);
    }

    [Fact]
    public async Task Each_service_account_has_its_own_limit_whatever_its_requests_claim()
    {
        await LimitAsync("requests: 10, unit: Hour, per: {identity: serviceAccount}");
        var forged = $"x-forwarded-client-cert: URI=spiffe://cluster.local/ns/{Namespace.Name}/sa/other";
        var noisy = Mesh.UniqueName("noisy");

        var load = await Caller.CallAsync(Url, callers: 4, requests: 60, $"x-key: {noisy}", forged);
        var others = await Other.RepeatAsync(10, Url);
        var refused = await Caller.GetAsync(Url, forged);

        load.Count(HttpStatusCode.TooManyRequests).ShouldBe(50, load.ToString());
        Behavior.Arrivals(noisy).Count.ShouldBe(10);
        others.ShouldAllBe(reply => reply.Status == HttpStatusCode.OK);
        refused.Headers[LimitedClient].ShouldEndWith($"/ns/{Namespace.Name}/sa/client");
    }

    [Fact]
    public async Task Requests_in_plaintext_are_counted_apart_and_are_one_client_without_an_identity()
    {
        await LimitAsync("requests: 5, unit: Hour, per: {identity: serviceAccount}");

        var inside = await Caller.RepeatAsync(8, Url);
        var outside = await Workload("outside").Client.RepeatAsync(8, Url, "x-forwarded-client-cert: URI=spiffe://cluster.local/ns/x/sa/y");

        inside.Count(reply => reply.Status == HttpStatusCode.OK).ShouldBe(5);
        outside.Count(reply => reply.Status == HttpStatusCode.OK).ShouldBe(5);
        outside[^1].Headers[LimitedBy].ShouldBe($"{Namespace.Name}/{_web}");
        outside[^1].Headers.Keys.ShouldNotContain(LimitedClient);
    }

    [Fact]
    public async Task Request_costs_what_its_header_says_and_else_the_constant()
    {
        await LimitAsync("requests: 30, unit: Hour, cost: {header: x-tokens, requests: 3}");

        async Task<HttpStatusCode> CallAsync(params string[] headers) => (await Caller.GetAsync(Url, headers)).Status;

        (await CallAsync("x-tokens: 20")).ShouldBe(HttpStatusCode.OK);
        (await CallAsync("x-tokens: 11")).ShouldBe(HttpStatusCode.TooManyRequests);
        (await CallAsync()).ShouldBe(HttpStatusCode.OK);
        (await CallAsync("x-tokens: 0")).ShouldBe(HttpStatusCode.OK);
        (await CallAsync("x-tokens: none")).ShouldBe(HttpStatusCode.OK);
        (await CallAsync("x-tokens: 1")).ShouldBe(HttpStatusCode.OK);
        (await CallAsync("x-tokens: 1")).ShouldBe(HttpStatusCode.TooManyRequests);
    }

    /// <summary>Waits until the limit is in effect, without a request that it counts: others have the path.</summary>
    private async Task LimitAsync(string limit)
    {
        await Namespace.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: RateLimit
            metadata: {name: {{_web}} }
            spec: {targetRefs: [{kind: Service, name: {{_web}} }], limits: [{ {{limit}}, match: {path: {type: Exact, value: /} } },
              {requests: 1, unit: Hour, match: {path: {value: /probe} } }]}
            """
        );
        await Eventually.Succeeds(async () => (await Caller.GetAsync($"{Url}probe")).Status.ShouldBe(HttpStatusCode.TooManyRequests));
    }
}
