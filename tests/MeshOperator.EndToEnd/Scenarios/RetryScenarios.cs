using System.Net;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Clients;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

public sealed class RetryScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "retry", proxies: 3)
{
    private string _web = string.Empty;

    private Client Caller => Workload("client").Client;

    private string Url => $"http://{_web}/";

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _web = await AliasAsync("web");
    }

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(ns.DeployAsync("web", replicas: 2), ns.DeployAsync("client"));

    [Fact]
    public async Task Answers_of_503_are_retried_as_often_as_the_policy_says()
    {
        await RetryAsync("attempts: 2, retryOn: [GatewayError]");

        var recovered = await Caller.GetAsync(Url, "x-key: recovers", "x-fail-first: 2");
        var given = await Caller.GetAsync(Url, "x-key: gives-up", "x-fail-first: 100");

        recovered.Status.ShouldBe(HttpStatusCode.OK);
        Behavior.Arrivals("recovers").Count.ShouldBe(3);
        given.Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        Behavior.Arrivals("gives-up").Count.ShouldBe(3);
    }

    [Fact]
    public async Task Without_a_policy_an_answer_of_503_is_the_callers()
    {
        (await Caller.GetAsync("http://web/", "x-key: no-policy", "x-fail-first: 1")).Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        Behavior.Arrivals("no-policy").Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_POST_that_was_answered_503_is_not_repeated_by_default()
    {
        await RetryAsync("attempts: 2, retryOn: [GatewayError]");

        var reply = await Caller.SendAsync(HttpMethod.Post, Url, ["x-key: post", "x-fail-first: 1"], new StringContent("order"));

        reply.Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        Behavior.Arrivals("post").Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_attempt_that_takes_too_long_is_ended_and_repeated()
    {
        await RetryAsync("attempts: 1, perTryTimeout: 300ms, retryOn: [GatewayError]");

        var reply = await Caller.GetAsync(Url, "x-key: too-slow", "x-delay: 5000");

        reply.Status.ShouldBe(HttpStatusCode.GatewayTimeout);
        reply.Elapsed.ShouldBeInRange(TimeSpan.FromMilliseconds(590), TimeSpan.FromSeconds(3));
        Behavior.Arrivals("too-slow").Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_retry_goes_to_another_pod()
    {
        await RetryAsync("attempts: 2, retryOn: [GatewayError]");
        var broken = Workload("web").Pods[0].Name;

        var load = await Caller.CallAsync(Url, callers: 1, requests: 60, $"x-fail-at: {broken}");

        load.Failed.ShouldBe(0, load.ToString());
        load.Samples.ShouldAllBe(s => s.Pod != broken);
    }

    [Fact]
    public async Task The_budget_bounds_how_many_requests_are_retries()
    {
        await RetryAsync("attempts: 3, retryOn: [GatewayError], budget: {percent: 20, minConcurrency: 1}");

        var load = await Caller.CallAsync(Url, callers: 20, requests: 400, "x-key: budget", "x-status: 503", "x-delay: 20");

        load.Count(HttpStatusCode.ServiceUnavailable).ShouldBe(400);
        Behavior.Arrivals("budget").Count.ShouldBeInRange(401, 800);
    }

    private Task RetryAsync(string rest) =>
        Namespace.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: RetryPolicy
            metadata: {name: {{_web}} }
            spec: {targetRefs: [{kind: Service, name: {{_web}} }], {{rest}} }
            """
        );
}
