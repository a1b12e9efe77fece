using System.Net;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Applications that handle few requests at once, and more callers than that.</summary>
public sealed class QueueScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "queue", proxies: 2)
{
    private Client Caller => Workload("client").Client;

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(
            ns.DeployAsync(new WorkloadSpec("model") { Ports = [Port.Http, Port.SingleThreaded, Port.Grpc] }),
            ns.DeployAsync("client")
        );

    [Fact]
    public async Task A_server_of_four_slots_serves_32_callers()
    {
        await QueueAsync(running: 4, waiting: 64);

        var load = await Caller.CallAsync(HttpMethod.Post, "http://model/", callers: 32, requests: 400, "x-slots: 4", "x-delay: 20");

        load.Failed.ShouldBe(0, load.ToString());
    }

    [Fact]
    public async Task A_server_of_four_slots_serves_32_streams_of_one_connection()
    {
        await QueueAsync(running: 4, waiting: 96);

        var replies = await Task.WhenAll(
            Enumerable
                .Range(0, 32)
                .Select(_ =>
                    Caller.SendAsync(
                        HttpMethod.Post,
                        $"http://model:{Port.Grpc.Number}/",
                        ["x-slots: 4", "x-delay: 100"],
                        version: HttpVersion.Version20
                    )
                )
        );

        replies.ShouldAllBe(reply => reply.Status == HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_server_of_one_thread_that_keeps_connections_serves_32_callers()
    {
        await QueueAsync(running: 1, waiting: 64);

        var load = await Caller.CallAsync(HttpMethod.Post, $"http://model:{Port.SingleThreaded.Number}/", callers: 32, requests: 400);

        load.Failed.ShouldBe(0, load.ToString());
    }

    [Fact]
    public async Task A_request_that_finds_the_queue_full_is_refused_with_Retry_After()
    {
        await QueueAsync(running: 1, waiting: 1);
        var first = Caller.SendAsync(HttpMethod.Post, "http://model/", ["x-key: full", "x-delay: 2000"]);
        await Eventually.Succeeds(() => Behavior.Arrivals("full").Count.ShouldBe(1));

        var others = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => Caller.SendAsync(HttpMethod.Post, "http://model/", ["x-delay: 1"]))
        );

        var refused = others.Where(reply => reply.Status == HttpStatusCode.ServiceUnavailable).ToList();
        refused.Count.ShouldBeInRange(6, 7);
        refused.ShouldAllBe(reply => reply.Headers["retry-after"] == "1" && !reply.Headers.ContainsKey("x-meshoperator-not-sent"));
        (await first).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_request_that_finds_the_queue_full_is_tried_again_whatever_its_method()
    {
        await QueueAsync(running: 1, waiting: 1);
        await Namespace.ApplyAsync(
            "{apiVersion: meshoperator.io/v1alpha1, kind: RetryPolicy, metadata: {name: model}, "
                + "spec: {targetRefs: [{kind: Service, name: model}], attempts: 10, backoff: {base: 200ms, max: 400ms}}}"
        );
        var blocking = Enumerable
            .Range(0, 2)
            .Select(_ => Caller.SendAsync(HttpMethod.Post, "http://model/", ["x-key: blocking", "x-delay: 800"]))
            .ToList();
        await Eventually.Succeeds(() => Behavior.Arrivals("blocking").Count.ShouldBeGreaterThan(0));

        var reply = await Caller.SendAsync(HttpMethod.Post, "http://model/", ["x-key: tried"]);

        reply.Status.ShouldBe(HttpStatusCode.OK, reply.ToString());
        Behavior.Arrivals("tried").Count.ShouldBe(1);
        await Task.WhenAll(blocking);
    }

    [Fact]
    public async Task A_stream_outlives_a_change_of_the_queue()
    {
        await QueueAsync(running: 8, waiting: 100);
        var stream = Caller.GetAsync("http://model/events", "x-count: 15", "x-interval: 200");

        await QueueAsync(running: 2, waiting: 100);
        await Namespace.DeleteAsync("RateLimit", "model");

        (await stream).Body.Split("data:").Length.ShouldBe(16);
    }

    private Task QueueAsync(int running, int waiting) =>
        Namespace.ApplyAsync(
            "{apiVersion: meshoperator.io/v1alpha1, kind: RateLimit, metadata: {name: model}, "
                + $"spec: {{selector: {{matchLabels: {{app: model}}}}, queue: {{running: {running}, waiting: {waiting}}}}}}}"
        );
}
