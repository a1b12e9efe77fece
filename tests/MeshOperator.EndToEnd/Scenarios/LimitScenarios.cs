using System.Net;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

public sealed class LimitScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "limit", proxies: 3)
{
    private string _web = string.Empty;

    private Client Caller => Workload("client").Client;

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
        Task.WhenAll(ns.DeployAsync("web", replicas: 2), ns.DeployAsync("client"));

    [Fact]
    public async Task Requests_beyond_the_limit_are_answered_429_with_the_time_to_retry_after()
    {
        await Namespace.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: RateLimit
            metadata: {name: {{_web}} }
            spec: {targetRefs: [{kind: Service, name: {{_web}} }], limits: [{requests: 10, unit: Hour, burst: 10}]}
            """
        );
        // Each of two pods has a bucket of its own.
        await Eventually.Succeeds(async () =>
        {
            var load = await Caller.CallAsync(Url, callers: 4, requests: 60);
            load.Count(HttpStatusCode.TooManyRequests).ShouldBeGreaterThanOrEqualTo(40, load.ToString());
            load.Failed.ShouldBe(0, load.ToString());
        });

        Reply refused = null!;
        await Eventually.Succeeds(async () => (refused = await Caller.GetAsync(Url)).Status.ShouldBe(HttpStatusCode.TooManyRequests));
        refused.Headers.Keys.ShouldContain("retry-after");
        refused.Headers.Keys.ShouldContain("x-ratelimit-limit");
        refused.Headers["x-ratelimit-remaining"].ShouldBe("0");
        refused.Headers["x-meshoperator-rate-limited-by"].ShouldBe($"{Namespace.Name}/{_web}");
    }

    [Fact]
    public async Task A_rate_is_kept_under_load_and_nothing_but_429_is_answered_beyond_it()
    {
        await Namespace.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: RateLimit
            metadata: {name: {{_web}} }
            spec: {targetRefs: [{kind: Service, name: {{_web}} }], limits: [{requests: 20, unit: Second, burst: 20,
              match: {path: {value: /limited} } }]}
            """
        );
        var from = TimeSpan.Zero;

        var load = await Caller.LoadAsync(
            Url + "limited",
            rate: 150,
            during: async load =>
            {
                // From the first refusal on the limit is in effect, on the connections of this load too when the old ones have drained.
                await Eventually.Succeeds(() => load.SoFar.Samples.TakeLast(50).Count(s => s.Status == 429).ShouldBeGreaterThan(20));
                from = load.Now;
                await load.GoOnAsync(TimeSpan.FromSeconds(4));
            }
        );

        var limited = load.Between(from, from + TimeSpan.FromSeconds(4));
        limited.Failed.ShouldBe(0, limited.ToString());
        limited.Count(HttpStatusCode.OK).ShouldBeLessThan(2 * (20 + (20 * 4)) + 40, limited.ToString());
        (await Caller.GetAsync(Url + "free")).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Circuit_breaker_refuses_what_is_more_than_its_connections_and_pending_requests()
    {
        await BreakerAsync("maxConnections: 2, maxPendingRequests: 1");

        var load = await Caller.CallAsync(Url, callers: 20, requests: 60, "x-delay: 200");

        load.Count(HttpStatusCode.ServiceUnavailable).ShouldBeGreaterThan(10, load.ToString());
        load.Count(HttpStatusCode.OK).ShouldBeGreaterThan(0, load.ToString());
        load.Samples.Where(s => s.Failed).ShouldAllBe(s => s.Error!.Contains("overflow", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Pod_that_fails_again_and_again_is_ejected()
    {
        await BreakerAsync("outlierDetection: {consecutive5xx: 5, interval: 1s, baseEjectionTime: 30s}");
        var broken = Workload("web").Pods[0].Name;

        await Caller.CallAsync(Url, callers: 2, requests: 40, $"x-fail-at: {broken}");

        await Eventually.Succeeds(async () =>
        {
            var load = await Caller.CallAsync(Url, callers: 2, requests: 40, $"x-fail-at: {broken}");
            load.Failed.ShouldBe(0, load.ToString());
            load.Samples.ShouldAllBe(s => s.Pod != broken);
        });
    }

    private Task BreakerAsync(string spec) =>
        Namespace.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: CircuitBreaker
            metadata: {name: {{_web}} }
            spec: {targetRefs: [{kind: Service, name: {{_web}} }], {{spec}} }
            """
        );
}
