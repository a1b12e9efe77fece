using System.Net;
using System.Net.WebSockets;
using System.Text;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>What applications say to each other arrives as it was said.</summary>
public sealed class ProtocolScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "protocol", proxies: 3)
{
    private static readonly Port Undeclared = new("other", 4443, ApplicationPort.Tls);

    private static readonly Dictionary<string, string> OnThePodsAddress = new() { [Application.ListenAnnotation] = "pod" };

    private Client Caller => Workload("client").Client;

    private protected override async Task DeployAsync(TestNamespace ns)
    {
        await Task.WhenAll(
            ns.DeployAsync(new WorkloadSpec("web") { Ports = [Port.Http, Port.Tls, Port.Echo, Port.MySql, Undeclared] }),
            ns.DeployAsync(new WorkloadSpec("local") { Annotations = OnThePodsAddress }),
            ns.DeployAsync("client")
        );
        await ns.ServiceAsync("headless", "web", headless: true, Port.Http, Port.MySql);
    }

    [Fact]
    public async Task Application_sees_the_method_target_host_and_version_that_the_caller_sent()
    {
        var reply = await Caller.SendAsync(
            HttpMethod.Put,
            "http://web/a/b?c=d&e=%2F",
            ["host: shop.example.com", "x-custom: value"],
            new StringContent("body")
        );

        ((string?)reply.Json["method"]).ShouldBe("PUT");
        ((string?)reply.Json["target"]).ShouldBe("/a/b?c=d&e=%2F");
        ((string?)reply.Json["host"]).ShouldBe("shop.example.com");
        ((string?)reply.Json["protocol"]).ShouldBe("HTTP/1.1");
        ((int?)reply.Json["received"]).ShouldBe(4);
        reply.Arrived("x-custom").ShouldBe("value");
    }

    [Fact]
    public async Task Call_of_grpc_web_passes_unchanged_with_the_trailers_in_its_body()
    {
        var port = new Port("rpc", 8085, ApplicationPort.Recorder, "grpc-web");
        var service = await AliasAsync("web", Port.Http, port);
        const string Message = "\u0000\u0000\u0000\u0000\u0002\u0008\u00ff";
        // Until the server's proxy knows that the port has requests, it passes bytes on.
        await Eventually.Succeeds(async () =>
        {
            using var early = await Caller.ConnectAsync(service, port.Number);
            await early.SendAsync(GrpcWeb(service, "x-answer: none", Message));
            (await early.ReadUntilAsync(Message)).ShouldContain("x-forwarded-client-cert: ");
        });
        using var connection = await Caller.ConnectAsync(service, port.Number);

        await connection.SendAsync(GrpcWeb(service, "x-answer: none", Message));
        var arrived = await connection.ReadUntilAsync(Message);
        await connection.SendAsync(GrpcWeb(service, "x-answer: grpc-web", Message));
        var answer = await connection.ReadUntilAsync(Recorder.GrpcWebAnswer);

        arrived.ShouldContain("POST /shop.Carts/Get HTTP/1.1\r\n");
        arrived.ShouldContain("content-type: application/grpc-web+proto\r\n");
        arrived.ShouldEndWith($"\r\n\r\n{Message}");
        answer.ShouldStartWith("HTTP/1.1 200 OK\r\n");
        answer.ShouldContain("Content-Type: application/grpc-web+proto\r\n");
        answer.ShouldEndWith($"\r\n\r\n{Recorder.GrpcWebAnswer}");
    }

    private static string GrpcWeb(string host, string order, string message) =>
        $"POST /shop.Carts/Get HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\n"
        + $"{order}\r\ncontent-length: {message.Length}\r\n\r\n{message}";

    [Fact]
    public async Task Answer_of_5_MB_arrives_whole()
    {
        var reply = await Caller.GetAsync("http://web/", "x-size: 5000000");

        reply.Status.ShouldBe(HttpStatusCode.OK);
        reply.Body.Length.ShouldBe(5_000_000);
    }

    [Fact]
    public async Task Upload_of_20_MB_in_chunks_arrives_whole()
    {
        using var body = new StreamContent(new MemoryStream(new byte[20_000_000]));
        body.Headers.ContentLength = null;

        var reply = await Caller.SendAsync(HttpMethod.Post, "http://web/", ["transfer-encoding: chunked"], body);

        ((long?)reply.Json["received"]).ShouldBe(20_000_000);
    }

    [Fact]
    public async Task Caller_of_HTTP_1_0_is_answered_and_its_connection_ended()
    {
        using var connection = await Caller.ConnectAsync("web", 80);
        await connection.SendAsync("GET /old HTTP/1.0\r\nHost: web\r\n\r\n");

        var answer = await connection.ReadToEndAsync();

        answer.ShouldContain(" 200 OK\r\n");
        answer.ShouldContain("\"target\":\"/old\"");
    }

    [Fact]
    public async Task Requests_of_a_pipeline_are_answered_in_their_order()
    {
        using var connection = await Caller.ConnectAsync("web", 80);
        var requests = Enumerable
            .Range(1, 5)
            .Select(i => $"GET /{i} HTTP/1.1\r\nHost: web\r\n{(i == 5 ? "Connection: close\r\n" : string.Empty)}\r\n");
        await connection.SendAsync(string.Concat(requests));

        var answers = await connection.ReadToEndAsync();

        Enumerable.Range(1, 5).Select(i => answers.IndexOf($"\"target\":\"/{i}\"", StringComparison.Ordinal)).ShouldBeInOrder();
        answers.Split(" 200 OK\r\n").Length.ShouldBe(6);
    }

    [Fact]
    public async Task Absolute_target_is_answered()
    {
        using var connection = await Caller.ConnectAsync("web", 80);
        await connection.SendAsync("GET http://web/absolute HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n");

        (await connection.ReadToEndAsync()).ShouldContain("/absolute\"");
    }

    [Fact]
    public async Task Request_that_offers_an_upgrade_to_h2c_is_answered_over_HTTP_1_1()
    {
        using var connection = await Caller.ConnectAsync("web", 80);
        await connection.SendAsync(
            "GET /upgrade HTTP/1.1\r\nHost: web\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                + "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"
        );

        (await connection.ReadUntilAsync("/upgrade")).ShouldContain("HTTP/1.1 200 OK");
    }

    [Fact]
    public async Task Connections_that_the_application_closes_after_each_answer_fail_no_request()
    {
        var load = await Caller.CallAsync("http://web/", callers: 4, requests: 400, "x-close: 1");

        load.Failed.ShouldBe(0, load.ToString());
    }

    [Fact]
    public async Task Request_whose_connection_the_application_resets_is_answered_503_or_reset_and_the_next_one_well()
    {
        try
        {
            (await Caller.GetAsync("http://web/", "x-reset: 1")).Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        }
        catch (HttpRequestException)
        {
            // What the caller sees is what it would see without proxies.
        }

        (await Caller.GetAsync("http://web/")).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Path_of_9_KB_arrives_whole()
    {
        var path = "/" + new string('p', 9 * 1024);

        var reply = await Caller.GetAsync("http://web" + path);

        ((string?)reply.Json["target"]).ShouldBe(path, reply.ToString());
    }

    [Fact]
    public async Task Request_with_both_a_length_and_chunks_is_refused()
    {
        using var connection = await Caller.ConnectAsync("web", 80);
        await connection.SendAsync("POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");

        (await connection.ReadToEndAsync()).ShouldContain(" 400 Bad Request");
    }

    [Fact]
    public async Task Messages_of_a_WebSocket_come_back()
    {
        using var socket = await Caller.WebSocketAsync("ws://web/socket");
        var buffer = new byte[1024];
        foreach (var text in new[] { "one", "two" })
        {
            await socket.SendAsync(
                Encoding.ASCII.GetBytes(text),
                WebSocketMessageType.Text,
                endOfMessage: true,
                TestContext.Current.CancellationToken
            );
            var message = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
            Encoding.ASCII.GetString(buffer, 0, message.Count).ShouldBe(text);
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, TestContext.Current.CancellationToken);
        socket.CloseStatus.ShouldBe(WebSocketCloseStatus.NormalClosure);
    }

    [Fact]
    public async Task Events_of_a_server_arrive_at_once_and_not_when_the_stream_ends()
    {
        using var response = await Caller.OpenAsync("http://web/events", "x-count: 3", "x-interval: 400");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var times = new List<TimeSpan>();
        while (await reader.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            if (line.StartsWith("data:", StringComparison.Ordinal))
                times.Add(clock.Elapsed);

        times.Count.ShouldBe(3);
        times[0].ShouldBeLessThan(TimeSpan.FromMilliseconds(300));
        (times[2] - times[0]).ShouldBeGreaterThan(TimeSpan.FromMilliseconds(600));
    }

    [Fact]
    public async Task TLS_of_the_application_passes_end_to_end()
    {
        var reply = await Caller.GetAsync("https://web/secret");

        reply.Status.ShouldBe(HttpStatusCode.OK);
        ((string?)reply.Json["target"]).ShouldBe("/secret");
    }

    [Fact]
    public async Task TLS_passes_on_a_port_whose_protocol_nobody_declared()
    {
        (await Caller.GetAsync($"https://web:{Undeclared.Number}/secret")).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Bytes_come_back_and_the_end_of_one_direction_leaves_the_other_open()
    {
        using var connection = await Caller.ConnectAsync("web", Port.Echo.Number);
        await connection.SendAsync("some bytes");
        (await connection.ReadUntilAsync("some bytes")).ShouldBe("some bytes");
        await connection.SendAsync("and the last");
        connection.CloseSending();

        (await connection.ReadToEndAsync()).ShouldBe("and the last");
    }

    [Fact]
    public async Task Server_that_speaks_first_is_heard_at_once_on_a_well_known_port()
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        using var connection = await Caller.ConnectAsync("web", Port.MySql.Number);

        (await connection.ReadUntilAsync("\n")).ShouldStartWith("220 web");
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Headless_service_is_reached_at_the_address_of_its_endpoint()
    {
        var pod = Workload("web").Pods[0];

        (await Caller.GetAsync($"http://headless:{ApplicationPort.Http}/")).Pod.ShouldBe(pod.Name);
        using var connection = await Caller.ConnectAsync("headless", ApplicationPort.SpeaksFirst);
        (await connection.ReadUntilAsync("\n")).ShouldStartWith("220 web");
    }

    [Fact]
    public async Task Application_that_listens_on_the_pods_address_only_is_reached()
    {
        // Its pod may be ready before the caller's proxy knows it.
        await Eventually.Succeeds(async () => (await Caller.GetAsync("http://local/")).Version.ShouldBe("local"));
    }

    [Fact]
    public async Task Application_calls_its_own_service_and_reaches_itself()
    {
        (await Workload("web").Client.GetAsync("http://web/")).Pod.ShouldBe(Workload("web").Pods[0].Name);
    }
}
