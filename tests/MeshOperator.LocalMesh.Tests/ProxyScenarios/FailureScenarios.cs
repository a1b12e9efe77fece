using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalMeshTests.ProxyScenarios;

/// <summary>Retries, circuit breakers, ejection and limits.</summary>
public abstract class FailureScenarios(ScenarioMesh mesh) : ProxyScenario(mesh)
{
    private const string Fails = "x-standin-status: 503";

    [Fact]
    public async Task Answers_of_503_are_retried_as_often_as_the_policy_says()
    {
        await TargetAsync("RetryPolicy", "attempts: 2\nretryOn: [GatewayError]");

        (await CountAsync("web", async () => (await Friend.GetAsync(Url, Fails)).Status.ShouldBe(503))).ShouldBe(3);
    }

    [Fact]
    public async Task Without_a_policy_an_answer_of_503_is_the_callers()
    {
        (await CountAsync("web", async () => (await Friend.GetAsync("http://web/", Fails)).Status.ShouldBe(503))).ShouldBe(1);
    }

    [Fact]
    public async Task A_POST_that_was_answered_503_is_not_repeated_by_default()
    {
        await TargetAsync("RetryPolicy", "attempts: 2\nretryOn: [GatewayError]");

        var arrived = await CountAsync(
            "web",
            async () => (await Friend.SendAsync(HttpMethod.Post, Url, [Fails], new StringContent("order"))).Status.ShouldBe(503)
        );

        arrived.ShouldBe(1);
    }

    [Fact]
    public async Task An_attempt_that_takes_too_long_is_ended_and_repeated()
    {
        await TargetAsync("RetryPolicy", "attempts: 1\nperTryTimeout: 500ms\nretryOn: [GatewayError]");

        var arrived = await CountAsync(
            "web",
            async () =>
            {
                var reply = await Friend.GetAsync(Url, "x-standin-delay: 10s");
                reply.Status.ShouldBe(504);
                reply.Elapsed.ShouldBeInRange(TimeSpan.FromMilliseconds(990), TimeSpan.FromSeconds(6));
            }
        );

        arrived.ShouldBe(2);
    }

    [Fact]
    public async Task A_retry_goes_to_another_pod()
    {
        await TargetAsync("RetryPolicy", "attempts: 2\nretryOn: [GatewayError]");
        var broken = Broken();

        var replies = await Friend.CallAsync(Url, 1, 60, Fails, $"x-standin-pod: {broken}");

        AllAnswered(replies);
        replies.ShouldAllBe(reply => reply.Pod != broken);
    }

    [Fact]
    public async Task The_budget_bounds_how_many_requests_are_retries()
    {
        await TargetAsync("RetryPolicy", "attempts: 3\nretryOn: [GatewayError]\nbudget: {percent: 20, minConcurrency: 1}");

        var arrived = await CountAsync(
            "web",
            async () =>
                (await Friend.CallAsync(Url, 20, 400, Fails, "x-standin-delay: 20ms")).Count(reply => reply.Status == 503).ShouldBe(400)
        );

        arrived.ShouldBeInRange(401, 800);
    }

    [Fact]
    public async Task Circuit_breaker_refuses_what_is_more_than_its_connections_and_pending_requests()
    {
        await TargetAsync("CircuitBreaker", "maxConnections: 2\nmaxPendingRequests: 1");

        var replies = await Friend.CallAsync(Url, 20, 60, "x-standin-delay: 200ms");

        replies.Count(reply => reply.Status == 503).ShouldBeGreaterThan(10);
        replies.Count(reply => reply.Status == 200).ShouldBeGreaterThan(0);
        replies.ShouldAllBe(reply => reply.Status == 200 || reply.Body.Contains("overflow", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Circuit_breaker_refuses_what_is_more_than_its_requests_in_flight()
    {
        await TargetAsync("CircuitBreaker", "maxRequests: 1");

        var replies = await Friend.CallAsync(Url, 10, 30, "x-standin-delay: 200ms");

        replies.Count(reply => reply.Status == 503).ShouldBeGreaterThan(5);
        replies.Count(reply => reply.Status == 200).ShouldBeGreaterThan(0);
        (await Friend.GetAsync(Url)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Pod_that_fails_again_and_again_is_ejected()
    {
        await TargetAsync("CircuitBreaker", "outlierDetection: {consecutive5xx: 5, interval: 1s, baseEjectionTime: 30s}");
        var broken = Broken();
        string[] orders = [Fails, $"x-standin-pod: {broken}"];

        await Friend.CallAsync(Url, 2, 40, orders);

        await Eventually.Succeeds(async () =>
        {
            var replies = await Friend.CallAsync(Url, 2, 40, orders);
            AllAnswered(replies);
            replies.ShouldAllBe(reply => reply.Pod != broken);
        });
    }

    [Fact]
    public async Task Requests_wait_for_an_application_that_handles_few_at_once()
    {
        await TargetAsync("RateLimit", "queue: {running: 2, waiting: 40}");

        AllAnswered(await Friend.CallAsync(Url, 30, 60, "x-standin-delay: 20ms"));
    }

    [Fact]
    public async Task A_request_that_finds_the_queue_full_gets_503_with_the_time_to_retry_after()
    {
        await TargetAsync("RateLimit", "queue: {running: 2, waiting: 2}");

        var replies = await Friend.CallAsync(Url, 20, 40, "x-standin-delay: 300ms");

        AllAnswered([.. replies.Where(reply => reply.Status != 503)]);
        var refused = replies.Where(reply => reply.Status == 503).ToList();
        refused.ShouldNotBeEmpty();
        refused.ShouldAllBe(reply => reply.Headers["retry-after"] == "1" && !reply.Headers.ContainsKey("x-meshoperator-not-sent"));
    }

    [Fact]
    public async Task A_POST_that_finds_the_queue_full_is_tried_again()
    {
        await TargetAsync("RateLimit", "queue: {running: 2, waiting: 3}");
        await TargetAsync("RetryPolicy", "attempts: 10\nrespectRetryAfter: false\nbackoff: {base: 100ms, max: 500ms}");

        var replies = await Task.WhenAll(
            Enumerable
                .Range(0, 16)
                .Select(_ => Friend.SendAsync(HttpMethod.Post, Url, ["x-standin-delay: 100ms"], new StringContent("prompt")))
        );

        AllAnswered(replies);
    }

    [Fact]
    public async Task Requests_beyond_the_limit_are_answered_429_with_the_time_to_retry_after()
    {
        await TargetAsync("RateLimit", "limits: [{requests: 10, unit: Hour, burst: 10}]");

        // Each of two pods has a bucket of its own.
        var replies = await Friend.CallAsync(Url, 4, 60);

        replies.Count(reply => reply.Status == 429).ShouldBeGreaterThanOrEqualTo(40);
        replies.ShouldAllBe(reply => reply.Status == 429 || reply.Status == 200);
        var refused = replies.Last(reply => reply.Status == 429);
        refused.Headers.Keys.ShouldContain("retry-after");
        refused.Headers.Keys.ShouldContain("x-ratelimit-limit");
        refused.Headers["x-ratelimit-remaining"].ShouldBe("0");
    }

    [Fact]
    public async Task A_limit_of_a_path_leaves_the_others_free()
    {
        await TargetAsync("RateLimit", "limits: [{requests: 1, unit: Hour, burst: 1, match: {path: {value: /limited}}}]");

        (await Friend.RepeatAsync(20, Url + "limited")).Count(reply => reply.Status == 429).ShouldBeInRange(18, 19);
        AllAnswered(await Friend.RepeatAsync(20, Url + "free"));
    }

    private string Broken() => Mesh.Running.FindPod("web").Pod.Metadata.Name;
}

[Collection<OnBuiltIn>]
public sealed class BuiltInFailureScenarios(BuiltInMesh mesh) : FailureScenarios(mesh);

[Collection<OnEnvoy>]
public sealed class EnvoyFailureScenarios(EnvoyMesh mesh) : FailureScenarios(mesh);
