using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Grpc.Core;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Checks;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>What model servers and their clients do: long and large requests, streams, few replicas, servers that close idle
/// connections.</summary>
public sealed class ModelTrafficScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "models", proxies: 3)
{
    private const string Broken = "the connection ended";
    private static readonly Port[] Ports = [Port.Http, Port.Recorder, Port.Grpc];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Client Caller => Workload("client").Client;

    private Client Outside => Workload("outside").Client;

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(
            ns.DeployAsync(new WorkloadSpec("model") { Ports = Ports, Replicas = 2 }),
            ns.DeployAsync(new WorkloadSpec("plain") { Ports = Ports, IsMeshed = false }),
            ns.DeployAsync("client"),
            ns.DeployAsync("outside", meshed: false)
        );

    [Theory]
    [InlineData("GET", 50, 400)]
    [InlineData("GET", 200, 400)]
    [InlineData("PUT", 200, 400)]
    [InlineData("POST", 1500, 80)]
    [ModelTraffic(
        2,
        "the application closes idle connections after 50, 200 and 1,500 ms",
        Row = 2,
        Direct = "no loss",
        Before = "2 to 10 % are 503",
        Now = "equal (GET, PUT at 50 and 200 ms; POST at 1,500 ms)"
    )]
    public async Task Application_that_closes_idle_connections_loses_no_request(string method, int keepAlive, int requests)
    {
        // The pauses are around the time after which it closes.
        var failed = new System.Collections.Concurrent.ConcurrentBag<string>();
        var left = requests;
        await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(async caller =>
                {
                    using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(keepAlive - 6 + (caller * 2)));
                    while (Interlocked.Decrement(ref left) >= 0)
                    {
                        var reply = await Caller.SendAsync(
                            new HttpMethod(method),
                            $"http://model:{Port.Recorder.Number}/",
                            [$"x-keep-alive: {keepAlive}"]
                        );
                        if (reply.Status != HttpStatusCode.OK)
                            failed.Add(reply.ToString());
                        await pause.WaitForNextTickAsync(Cancellation);
                    }
                })
        );

        failed.ShouldBeEmpty();
    }

    [Fact]
    [ModelTraffic(4, "a second request while one of two replicas is busy", Row = 4, Before = "4 of 24 to the busy one", Now = "0 of 24")]
    public async Task A_replica_that_is_busy_gets_no_request_while_another_is_free()
    {
        var model = await AliasAsync("model", Port.Http);
        for (var round = 0; round < 24; round++)
        {
            var key = $"busy-{round}";
            var first = Caller.GetAsync($"http://{model}/", $"x-key: {key}", "x-delay: 300");
            await Eventually.Succeeds(() => Behavior.Arrivals(key).Count.ShouldBe(1));

            (await Caller.GetAsync($"http://{model}/")).Pod.ShouldNotBe(Behavior.Arrivals(key)[0]);
            await first;
        }
    }

    [Fact]
    [ModelTraffic(5, "two replicas, one ten times as slow, 12 callers", Row = 5, Before = "25 % to the slow one", Now = "below 15 %")]
    public async Task A_replica_that_is_ten_times_as_slow_gets_its_part_by_its_speed()
    {
        var model = await AliasAsync("model", Port.Http);
        var slow = Workload("model").Pods[0].Name;

        var load = await Caller.CallAsync($"http://{model}/", callers: 12, requests: 600, "x-delay: 60", $"x-slow-at: {slow}");

        load.Failed.ShouldBe(0, load.ToString());
        load.Samples.Count(sample => sample.Pod == slow).ShouldBeLessThan(600 * 15 / 100, load.ToString());
    }

    [Fact]
    [ModelTraffic(
        3,
        "one of two applications stopped, POST of 1.1, 5 and 16 MB under a RetryPolicy",
        Row = 3,
        Before = "503 in 10 to 16 of 30",
        Now = "none of 30"
    )]
    public async Task Requests_of_16_MB_are_tried_again_when_they_have_reached_no_application()
    {
        var own = await NamespaceAsync("large", proxies: 3);
        var model = await own.DeployAsync("model", replicas: 2);
        var client = (await own.DeployAsync("client")).Client;
        await own.ApplyAsync(Retries("model", ""));
        await model.Pods[0].Application!.StopAsync(TimeSpan.Zero);

        foreach (var megabytes in new[] { 1.1, 5, 16 })
        {
            for (var i = 0; i < 10; i++)
            {
                var body = new ByteArrayContent(new byte[(int)(megabytes * 1_000_000)]);
                var reply = await client.SendAsync(HttpMethod.Post, "http://model/", [], body);
                ((int)reply.Status, (int?)reply.Json["received"]).ShouldBe((200, (int)(megabytes * 1_000_000)), $"{megabytes} MB: {reply}");
            }
        }
    }

    [Theory]
    [InlineData("timeouts: {request: 1s}")]
    [InlineData("perTryTimeout: 1s, attempts: 1, retryOn: [ConnectFailure]")]
    [InlineData("timeouts: {firstByte: 1s}")]
    [ModelTraffic(
        11,
        "a gRPC call that exceeds `timeouts.request`, `perTryTimeout` or `timeouts.firstByte`",
        Row = 11,
        Before = "UNAVAILABLE",
        Now = "DEADLINE_EXCEEDED"
    )]
    public async Task A_call_that_takes_too_long_has_exceeded_its_deadline(string policy)
    {
        var model = await AliasAsync("model", Port.Http, Port.Grpc);
        await Namespace.ApplyAsync(Retries(model, policy));
        using var channel = Caller.Grpc($"http://{model}:{Port.Grpc.Number}");

        var error = await Should.ThrowAsync<RpcException>(async () =>
            await new Echo.EchoClient(channel).UnaryAsync(new EchoRequest { DelayMs = 3000 }, cancellationToken: Cancellation)
        );

        error.StatusCode.ShouldBe(StatusCode.DeadlineExceeded);
        (await Caller.GetAsync($"http://{model}/", "x-delay: 3000")).Status.ShouldBe(HttpStatusCode.GatewayTimeout);
    }

    [Fact]
    public async Task A_retry_of_a_call_says_the_time_that_is_left()
    {
        var model = await AliasAsync("model", Port.Http, Port.Grpc);
        await Namespace.ApplyAsync(Retries(model, "attempts: 1, retryOn: [Unavailable], methods: [POST]"));
        using var channel = Caller.Grpc($"http://{model}:{Port.Grpc.Number}");
        var deadline = TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(10);

        await Should.ThrowAsync<RpcException>(async () =>
            await new Echo.EchoClient(channel).UnaryAsync(
                new EchoRequest { DelayMs = 1500, Status = (int)StatusCode.Unavailable },
                new Metadata { { "x-key", model } },
                deadline,
                Cancellation
            )
        );

        var left = Behavior.Arrivals(model).Select(text => int.Parse(text, null)).ToList();
        left.Count.ShouldBe(2);
        (left[0] - left[1]).ShouldBeInRange(1200, 4000, string.Join(", ", left));
    }

    [Fact]
    public async Task A_stream_that_began_in_time_may_last_longer_than_the_time_to_its_first_byte()
    {
        var model = await AliasAsync("model", Port.Http);
        await Namespace.ApplyAsync(Retries(model, "timeouts: {firstByte: 1s}"));

        var events = await Caller.GetAsync($"http://{model}/events", "x-count: 8", "x-interval: 300");

        events.Body.Split("data:").Length.ShouldBe(9);
    }

    [Fact]
    public async Task A_time_out_in_the_middle_of_an_answer_is_an_error_and_never_a_short_answer()
    {
        var model = await AliasAsync("model", Port.Http, Port.Grpc);
        await Namespace.ApplyAsync(Retries(model, "timeouts: {request: 1s}"));
        string[] slow = ["x-count: 10", "x-interval: 300"];

        await Should.ThrowAsync<HttpRequestException>(() => Caller.GetAsync($"http://{model}/events", slow));
        await Should.ThrowAsync<HttpRequestException>(() =>
            Caller.SendAsync(HttpMethod.Get, $"http://{model}:{Port.Grpc.Number}/events", slow, version: HttpVersion.Version20)
        );
        using var channel = Caller.Grpc($"http://{model}:{Port.Grpc.Number}");
        using var call = new Echo.EchoClient(channel).Down(
            new EchoRequest { Replies = 10, DelayMs = 300 },
            cancellationToken: Cancellation
        );
        await Should.ThrowAsync<RpcException>(async () => await call.ResponseStream.ReadAllAsync(Cancellation).CountAsync(Cancellation));
    }

    [Fact]
    [ModelTraffic(
        20,
        "a mirror that reads 500 KB after 3 s",
        Before = "callers not slowed",
        Now = "callers not slowed, 10 of 10 copies whole"
    )]
    public async Task A_mirror_that_reads_slowly_slows_no_caller_and_gets_whole_copies()
    {
        var model = await AliasAsync("model", Port.Http);
        var copies = await AliasAsync("plain", Port.Http);
        await Namespace.ApplyAsync(
            $"{{apiVersion: meshoperator.io/v1alpha1, kind: TrafficSplit, metadata: {{name: {model}}}, "
                + $"spec: {{service: {model}, rules: [{{backends: [{{service: {model}}}], mirror: {{service: {copies}}}}}]}}}}"
        );
        var slow = Workload("plain").Pods[0].Name;

        for (var i = 0; i < 10; i++)
        {
            using var body = new ByteArrayContent(new byte[500_000]);
            var reply = await Caller.SendAsync(
                HttpMethod.Post,
                $"http://{model}/",
                [$"x-key: {copies}", "x-delay: 3000", $"x-slow-at: {slow}"],
                body
            );
            reply.Status.ShouldBe(HttpStatusCode.OK);
            reply.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(2));
        }

        await Eventually.Succeeds(() => Behavior.Arrivals($"{copies}/received").Count(received => received == "500000").ShouldBe(20));
    }

    [Theory]
    [InlineData(12_000_000, 5)]
    [InlineData(20_000_000, 0)]
    [ModelTraffic(
        21,
        "a mirror that reads nothing of five bodies of 12 and of 20 MB for 10 s",
        Before = "callers wait for the mirror",
        Now = "callers not slowed; 5 of 5 copies whole, and none of those above 16 MiB, counted"
    )]
    public async Task A_mirror_that_stops_reading_slows_no_caller_and_gets_whole_bodies_or_none(int size, int copied)
    {
        var model = await AliasAsync("model", Port.Http);
        var copies = await AliasAsync("plain", Port.Http);
        await Namespace.ApplyAsync(
            $"{{apiVersion: meshoperator.io/v1alpha1, kind: TrafficSplit, metadata: {{name: {model}}}, "
                + $"spec: {{service: {model}, rules: [{{backends: [{{service: {model}}}], mirror: {{service: {copies}}}}}]}}}}"
        );
        var mirror = Workload("plain").Pods[0].Name;
        var text = size.ToString(CultureInfo.InvariantCulture);

        for (var i = 0; i < 5; i++)
        {
            using var body = new ByteArrayContent(new byte[size]);
            var reply = await Caller.SendAsync(
                HttpMethod.Post,
                $"http://{model}/",
                [$"x-key: {copies}", "x-delay: 10000", $"x-slow-at: {mirror}"],
                body
            );
            reply.Status.ShouldBe(HttpStatusCode.OK);
            reply.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(5));
        }

        await Eventually.Succeeds(async () =>
        {
            Behavior.Arrivals($"{copies}/received").Count(received => received == text).ShouldBe(5 + copied);
            (await CopiesAsync(copies, "active")).ShouldBe(0);
        });
        Behavior.Arrivals($"{copies}/received").ShouldAllBe(received => received == text);
        (await CopiesAsync(copies, "total") - await CopiesAsync(copies, "completed")).ShouldBe(5 - copied);
    }

    /// <summary>A count of the copies that the calling proxy sent to a service.</summary>
    private async Task<int> CopiesAsync(string service, string count)
    {
        var name = $"cluster.outbound/80/{Namespace.Name}/{service}/mirror.upstream_rq_{count}";
        var stats = await Workload("client").Pods[0].Proxy!.AdminAsync("/stats?filter=mirror");
        return int.Parse(
            stats.Split('\n').First(line => line.StartsWith(name + ":", StringComparison.Ordinal)).Split(' ')[1],
            CultureInfo.InvariantCulture
        );
    }

    [Theory]
    [InlineData("/", "x-delay: 20000")]
    [InlineData("/events", "x-interval: 20000")]
    public async Task A_caller_that_goes_away_is_noticed_by_the_application(string path, string order)
    {
        var key = Mesh.UniqueName("gone");
        using (var connection = await Caller.ConnectAsync("model", 80))
        {
            await connection.SendAsync($"GET {path} HTTP/1.1\r\nHost: model\r\nx-key: {key}\r\n{order}\r\n\r\n");
            await Eventually.Succeeds(() => Behavior.Arrivals(key).Count.ShouldBe(1));
        }

        await Eventually.Succeeds(() => Behavior.Arrivals($"{key}/gone").Count.ShouldBe(1), TimeSpan.FromSeconds(3));
    }

    [Theory]
    [InlineData("LIST", "")]
    [InlineData("QUERY", "what")]
    [InlineData("PURGE-ALL", "")]
    [ModelTraffic(14, "methods `LIST`, `PURGE-ALL`, `QUERY` with a body", Row = 13, Direct = "arrive", Before = "400", Now = "equal")]
    public Task Methods_of_an_application_s_own_arrive(string method, string body) =>
        BesideDirectAsync(
            async (caller, server) =>
            {
                using var content = body.Length > 0 ? new StringContent(body) : null;
                var reply = await caller.SendAsync(new HttpMethod(method), $"http://{server}/", [], content);
                return (string?)reply.Json["method"] ?? "refused";
            }
        );

    [Theory]
    [InlineData("busy")]
    [InlineData("length-and-chunks")]
    [ModelTraffic(12, "a response with chunks and a length", Row = 12, Direct = "taken", Before = "502", Now = "equal")]
    [ModelTraffic(16, "names of headers and reason phrase", Row = 15, Direct = "kept", Before = "lower case, replaced", Now = "equal")]
    public Task Answers_arrive_as_they_were_written(string answer) =>
        BesideDirectAsync(
            async (caller, server) =>
            {
                using var connection = await caller.ConnectAsync(server, Port.Recorder.Number);
                await connection.SendAsync($"GET / HTTP/1.1\r\nHost: {server}\r\nX-CamelCase: kept\r\nx-answer: {answer}\r\n\r\n");
                var arrived = await connection.ReadUntilAsync("done");
                var lines = arrived.Split("\r\n");
                return string.Join('\n', lines.Where(line => line.StartsWith("HTTP/", StringComparison.Ordinal) || line.StartsWith('X')));
            }
        );

    [Fact]
    [ModelTraffic(16, "names of headers and reason phrase", Row = 15, Direct = "kept", Before = "lower case, replaced", Now = "equal")]
    public Task Names_of_headers_arrive_as_they_were_written() =>
        BesideDirectAsync(
            async (caller, server) =>
            {
                using var connection = await caller.ConnectAsync(server, Port.Recorder.Number);
                await connection.SendAsync("GET / HTTP/1.1\r\nHost: x\r\nX-CamelCase: kept\r\nACCEPT: */*\r\n\r\n");
                var lines = (await connection.ReadUntilAsync("\r\n\r\nGET ")).Split("\r\n");
                var body = lines.SkipWhile(line => !line.StartsWith("GET ", StringComparison.Ordinal));
                return string.Join('\n', body.Where(line => line.StartsWith("X-C", StringComparison.Ordinal) || line.StartsWith('A')));
            }
        );

    [Fact]
    [ModelTraffic(18, "`CONNECT` to a proxy service", Row = 17, Direct = "a tunnel", Before = "404", Now = "equal")]
    public Task A_proxy_service_opens_the_tunnel_that_CONNECT_asks_for() =>
        BesideDirectAsync(
            async (caller, server) =>
            {
                using var connection = await caller.ConnectAsync(server, Port.Recorder.Number);
                await connection.SendAsync("CONNECT model.example:443 HTTP/1.1\r\nHost: model.example:443\r\n\r\n");
                (await connection.ReadUntilAsync("\r\n\r\n")).ShouldStartWith("HTTP/1.1 200 ");
                await connection.SendAsync("bytes.");
                return await connection.ReadUntilAsync("bytes.");
            }
        );

    [Fact]
    [ModelTraffic(
        1,
        "a 5 MB POST that the application answers with 401, unread",
        Row = 1,
        Direct = "401",
        Before = "503 in 50 of 60",
        Now = "503 in 25 to 30 of 60: Envoy writes before it reads"
    )]
    public async Task An_answer_to_a_body_that_the_application_does_not_read_is_delivered_or_an_error()
    {
        var outcomes = new Dictionary<string, int>();
        for (var i = 0; i < 60; i++)
        {
            using var body = new ByteArrayContent(new byte[5_000_000]);
            body.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            var outcome = await OutcomeAsync(() =>
                Caller.SendAsync(HttpMethod.Post, $"http://model:{Port.Recorder.Number}/", ["x-answer: refuse"], body)
            );
            outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
        }

        TestContext.Current.TestOutputHelper?.WriteLine(string.Join(", ", outcomes.Select(o => $"{o.Value} x {o.Key}")));
        outcomes.Keys.ShouldBeSubsetOf(["401", "503", Broken]);
        outcomes["401"].ShouldBeGreaterThan(0);
    }

    [Theory]
    [InlineData("`Transfer-Encoding: chunked` twice", "chunked-twice", "200")]
    [InlineData("`Transfer-Encoding: chunked` twice", "no-content-with-chunks", "204")]
    [InlineData("the client closes its sending side", "", "200")]
    [InlineData("a response without length", "cut", Broken)]
    [ModelTraffic(
        13,
        "a response with `Transfer-Encoding: chunked` twice, or a 204 with chunks",
        Row = 12,
        Direct = "200, 204",
        Before = "502",
        Now = "502"
    )]
    [ModelTraffic(
        17,
        "a client that closes its sending side after an HTTP request",
        Row = 16,
        Direct = "200",
        Before = "nothing",
        Now = "nothing"
    )]
    [ModelTraffic(
        19,
        "a response without a length whose server resets the connection in the middle",
        Row = 18,
        Direct = "the connection is reset",
        Before = "200 with half of it",
        Now = "200 with half of it"
    )]
    public async Task What_stock_Envoy_cannot_do_is_seen_by_clients_as_documented(string what, string answer, string direct)
    {
        var closes = answer.Length == 0;

        (await SeenAsync(Outside, "plain", answer, closes)).ShouldBe(direct);
        var meshed = await SeenAsync(Caller, "model", answer, closes);

        meshed.ShouldNotBe(direct);
        DocumentedDifferences.StockEnvoy(what).ShouldStartWith(meshed);
    }

    /// <summary>The status that a client sees, what came in its place, or that the connection was reset in the middle.</summary>
    private static async Task<string> SeenAsync(Client caller, string server, string answer, bool closes)
    {
        using var connection = await caller.ConnectAsync(server, Port.Recorder.Number);
        await connection.SendAsync($"GET / HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nx-answer: {answer}\r\n\r\n");
        if (closes)
            connection.CloseSending();
        var arrived = await connection.ReadToEndAsync();
        return connection.IsReset ? Broken
            : arrived.Length == 0 ? "nothing"
            : arrived.Split(' ')[1];
    }

    private static async Task<string> OutcomeAsync(Func<Task<Reply>> request)
    {
        try
        {
            return ((int)(await request()).Status).ToString(null, null);
        }
        catch (HttpRequestException)
        {
            return Broken;
        }
    }

    /// <summary>Does the same without the mesh and through it.</summary>
    private async Task BesideDirectAsync(Func<Client, string, Task<string>> call)
    {
        var expected = await call(Outside, "plain");

        (await call(Caller, "model")).ShouldBe(expected);
    }

    private static string Retries(string service, string spec) =>
        $"{{apiVersion: meshoperator.io/v1alpha1, kind: RetryPolicy, metadata: {{name: {service}}}, "
        + $"spec: {{targetRefs: [{{kind: Service, name: {service}}}]{(spec.Length > 0 ? ", " + spec : string.Empty)}}}}}";
}
