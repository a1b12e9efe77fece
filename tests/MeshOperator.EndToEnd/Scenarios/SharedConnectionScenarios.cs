using System.Net;
using System.Text.Json.Nodes;
using Grpc.Core;
using Grpc.Net.Client;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Checks;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Calls that share a connection do not pay for each other. Each test reaches a limit that Envoy has by itself; what is done
/// without the mesh is done through it too.</summary>
public sealed class SharedConnectionScenarios(TestMesh mesh, SharedNamespace shared)
    : SharedScenario(mesh, shared, "neighbours", proxies: 2, Turn.Alone)
{
    private const long MiB = 1024 * 1024;
    private static readonly Port[] Ports = [Port.Http, Port.Grpc, Port.Frames];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Client Caller => Workload("client").Client;

    private Client Outside => Workload("outside").Client;

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(
            ns.DeployAsync(new WorkloadSpec("model") { Ports = Ports }),
            ns.DeployAsync(new WorkloadSpec("plain") { Ports = Ports, IsMeshed = false }),
            ns.DeployAsync("client"),
            ns.DeployAsync("outside", meshed: false)
        );

    [Fact]
    [ModelTraffic(
        6,
        "30,000 messages of one byte beside a quiet stream",
        Row = 6,
        Direct = "both end well",
        Before = "both are reset",
        Now = "equal"
    )]
    public Task A_burst_of_30000_small_messages_ends_neither_itself_nor_a_quiet_stream() =>
        BesideDirectAsync(async model =>
        {
            using var quiet = model.Both(cancellationToken: Cancellation);
            await quiet.RequestStream.WriteAsync(new EchoRequest { Text = "before" }, Cancellation);
            await quiet.ResponseStream.MoveNext(Cancellation);
            using var burst = model.Down(new EchoRequest { Replies = 30_000, ReplyBytes = 1 }, cancellationToken: Cancellation);
            var messages = await burst.ResponseStream.ReadAllAsync(Cancellation).CountAsync(Cancellation);
            await quiet.RequestStream.WriteAsync(new EchoRequest { Text = "after" }, Cancellation);
            await quiet.ResponseStream.MoveNext(Cancellation);
            return $"{messages} messages, then {quiet.ResponseStream.Current.Text}";
        });

    [Fact]
    [ModelTraffic(
        7,
        "200 calls per second that are given up, beside a long stream",
        Row = 7,
        Direct = "the stream lives",
        Before = "lost after 18 s",
        Now = "equal"
    )]
    public Task Calls_that_are_given_up_200_a_second_end_no_other_call() =>
        BesideDirectAsync(async model =>
        {
            using var ends = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            using var stream = model.Down(new EchoRequest { Replies = 50, DelayMs = 200 }, cancellationToken: Cancellation);
            var others = GiveUpAsync(model, callsASecond: 200, ends.Token);
            var messages = await stream.ResponseStream.ReadAllAsync(Cancellation).CountAsync(Cancellation);
            await ends.CancelAsync();
            return $"{messages} messages, {await others} calls answered";
        });

    [Fact]
    [ModelTraffic(
        8,
        "64 streams of 100 MB that nobody reads, calls beside",
        Row = 8,
        Direct = "each call at once",
        Before = "0 of 24 calls end",
        Now = "equal; 99 and 84 MiB in the proxies"
    )]
    public async Task Streams_of_100_MB_that_nobody_reads_hold_up_no_call_and_cost_each_proxy_at_most_128_MiB()
    {
        foreach (var (caller, server) in new[] { (Outside, "plain"), (Caller, "model") })
        {
            using var channel = caller.Grpc($"http://{server}:{Port.Grpc.Number}");
            var model = new Echo.EchoClient(channel);
            var before = await MemoryAsync();
            var unread = Enumerable
                .Range(0, 64)
                .Select(_ => model.Down(new EchoRequest { Replies = 1000, ReplyBytes = 100_000 }, cancellationToken: Cancellation))
                .ToList();
            await Task.WhenAll(unread.Select(stream => stream.ResponseHeadersAsync));

            for (var i = 0; i < 50; i++)
            {
                var deadline = TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(5);
                await model.UnaryAsync(new EchoRequest(), deadline: deadline, cancellationToken: Cancellation);
            }

            var after = await MemoryAsync();
            foreach (var stream in unread)
                stream.Dispose();
            TestContext.Current.TestOutputHelper?.WriteLine($"{server}: {string.Join(", ", before)} MiB, then {string.Join(", ", after)}");
            after.Zip(before, (then, first) => then - first).ShouldAllBe(more => more <= 128);
        }
    }

    [Fact]
    [ModelTraffic(9, "1,500 streams on one channel", Row = 9, Direct = "all begin", Before = "1,024 begin", Now = "equal")]
    public Task As_many_streams_as_client_and_server_agree_on_begin_at_once() =>
        BesideDirectAsync(async model =>
        {
            var streams = Enumerable.Range(0, 1500).Select(_ => model.Both(cancellationToken: Cancellation)).ToList();
            await Task.WhenAll(
                streams.Select(async stream =>
                {
                    await stream.RequestStream.WriteAsync(new EchoRequest { Text = "here" }, Cancellation);
                    await stream.ResponseStream.MoveNext(Cancellation);
                })
            );
            var open = streams.Count(stream => stream.ResponseStream.Current.Text == "here");
            foreach (var stream in streams)
                stream.Dispose();
            return $"{open} streams";
        });

    [Fact]
    [ModelTraffic(
        10,
        "a malformed response over HTTP/2 among six",
        Row = 10,
        Direct = "its own stream fails",
        Before = "all fail",
        Now = "its own stream fails"
    )]
    public async Task A_malformed_answer_resets_its_own_stream_only()
    {
        using var http = Caller.CreateHttp(onConnect: null);
        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => IsAnsweredAsync(http)));

        answers.Count(isAnswered => isAnswered).ShouldBe(5);
    }

    private static async Task<bool> IsAnsweredAsync(HttpClient http)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://model:{Port.Frames.Number}/")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        try
        {
            using var answer = await http.SendAsync(request, Cancellation);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>Calls that end 20 ms after they began, and one a second that is waited for.</summary>
    /// <returns>Whether those that were waited for have been answered, as text.</returns>
    private static async Task<string> GiveUpAsync(Echo.EchoClient model, int callsASecond, CancellationToken ends)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / callsASecond));
        var failed = 0;
        for (var i = 0; ; i++)
        {
            try
            {
                await timer.WaitForNextTickAsync(ends);
                if (i % callsASecond == 0)
                    await model.UnaryAsync(new EchoRequest(), cancellationToken: ends);
            }
            catch (OperationCanceledException)
            {
                return failed == 0 ? "all" : $"all but {failed}";
            }
            catch (RpcException) when (ends.IsCancellationRequested)
            {
                return failed == 0 ? "all" : $"all but {failed}";
            }
            catch (RpcException)
            {
                failed++;
            }

            _ = GiveUpAsync(model);
        }
    }

    private static async Task GiveUpAsync(Echo.EchoClient model)
    {
        using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(20));
        try
        {
            await model.UnaryAsync(new EchoRequest { DelayMs = 5000 }, cancellationToken: soon.Token);
        }
        catch (RpcException)
        {
            // Given up.
        }
    }

    /// <summary>Does the same without the mesh and through it, each on one channel.</summary>
    private async Task BesideDirectAsync(Func<Echo.EchoClient, Task<string>> calls)
    {
        using var direct = Outside.Grpc($"http://plain:{Port.Grpc.Number}");
        using var meshed = Caller.Grpc($"http://model:{Port.Grpc.Number}");
        var expected = await calls(new Echo.EchoClient(direct));

        (await calls(new Echo.EchoClient(meshed))).ShouldBe(expected);
    }

    /// <summary>What the proxies of caller and server have allocated, in MiB.</summary>
    private async Task<long[]> MemoryAsync()
    {
        var proxies = new[] { Caller.Pod.Proxy!, Workload("model").Pods[0].Proxy! };
        return await Task.WhenAll(
            proxies.Select(async proxy => long.Parse((string)JsonNode.Parse(await proxy.AdminAsync("/memory"))!["allocated"]!, null) / MiB)
        );
    }
}
