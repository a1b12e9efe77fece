using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using MeshOperator.EndToEnd.Applications;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

public sealed class GrpcScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "grpc", proxies: 3)
{
    private GrpcChannel? _channel;

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(ns.DeployAsync(new WorkloadSpec("model") { Replicas = 2, Ports = [Port.Grpc] }), ns.DeployAsync("client"));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Echo.EchoClient Model => new(_channel ??= Workload("client").Client.Grpc($"http://model:{Port.Grpc.Number}"));

    [Fact]
    public async Task Call_is_answered_with_metadata_and_trailers()
    {
        using var call = Model.UnaryAsync(
            new EchoRequest { Text = "hello" },
            new Metadata { { "x-user", "somebody" } },
            cancellationToken: Cancellation
        );

        var reply = await call;

        reply.Text.ShouldBe("hello");
        reply.Metadata["x-user"].ShouldBe("somebody");
        call.GetTrailers().GetValue("x-trailer").ShouldBe("from the application");
    }

    [Fact]
    public async Task Calls_of_one_channel_are_balanced_over_the_pods()
    {
        var pods = new Dictionary<string, int>();
        for (var i = 0; i < 60; i++)
        {
            var reply = await Model.UnaryAsync(new EchoRequest(), cancellationToken: Cancellation);
            pods[reply.Pod] = pods.GetValueOrDefault(reply.Pod) + 1;
        }

        pods.Count.ShouldBe(2);
        pods.Values.ShouldAllBe(count => count > 10);
    }

    [Fact]
    public async Task Streams_pass_in_each_direction_and_in_both()
    {
        using var down = Model.Down(new EchoRequest { Text = "down", Replies = 20 }, cancellationToken: Cancellation);
        (await down.ResponseStream.ReadAllAsync(Cancellation).CountAsync(Cancellation)).ShouldBe(20);

        using var up = Model.Up(cancellationToken: Cancellation);
        for (var i = 0; i < 20; i++)
            await up.RequestStream.WriteAsync(new EchoRequest { Text = "up" }, Cancellation);
        await up.RequestStream.CompleteAsync();
        (await up).Received.ShouldBe(20);

        using var both = Model.Both(cancellationToken: Cancellation);
        for (var i = 1; i <= 5; i++)
        {
            await both.RequestStream.WriteAsync(new EchoRequest { Text = $"{i}" }, Cancellation);
            (await both.ResponseStream.MoveNext(Cancellation)).ShouldBeTrue();
            both.ResponseStream.Current.Text.ShouldBe($"{i}");
        }

        await both.RequestStream.CompleteAsync();
        (await both.ResponseStream.MoveNext(Cancellation)).ShouldBeFalse();
    }

    [Fact]
    public async Task Status_and_its_message_arrive()
    {
        var error = await Should.ThrowAsync<RpcException>(async () =>
            await Model.UnaryAsync(
                new EchoRequest { Text = "no such thing", Status = (int)StatusCode.NotFound },
                cancellationToken: Cancellation
            )
        );

        error.StatusCode.ShouldBe(StatusCode.NotFound);
        error.Status.Detail.ShouldBe("no such thing");
        error.Trailers.GetValue("x-detail").ShouldBe("no such thing");
    }

    [Fact]
    public async Task Deadline_ends_a_call()
    {
        var deadline = TimeProvider.System.GetUtcNow().UtcDateTime.AddMilliseconds(400);

        var error = await Should.ThrowAsync<RpcException>(async () =>
            await Model.UnaryAsync(new EchoRequest { DelayMs = 5000 }, deadline: deadline, cancellationToken: Cancellation)
        );

        error.StatusCode.ShouldBe(StatusCode.DeadlineExceeded);
    }

    [Fact]
    public async Task Messages_of_20_MB_arrive_whole_in_both_directions()
    {
        var reply = await Model.UnaryAsync(
            new EchoRequest { Payload = ByteString.CopyFrom(new byte[20_000_000]), ReplyBytes = 20_000_000 },
            cancellationToken: Cancellation
        );

        reply.ReceivedBytes.ShouldBe(20_000_000);
        reply.Payload.Length.ShouldBe(20_000_000);
    }

    [Fact]
    public async Task Channel_carries_400_streams_at_once()
    {
        var replies = await Task.WhenAll(
            Enumerable
                .Range(0, 400)
                .Select(async i =>
                {
                    using var call = Model.Down(
                        new EchoRequest
                        {
                            Text = $"{i}",
                            Replies = 3,
                            DelayMs = 300,
                        },
                        cancellationToken: Cancellation
                    );
                    return await call.ResponseStream.ReadAllAsync(Cancellation).CountAsync(reply => reply.Text == $"{i}", Cancellation);
                })
        );

        replies.ShouldAllBe(count => count == 3);
    }
}
