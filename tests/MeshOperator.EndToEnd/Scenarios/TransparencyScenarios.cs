using System.Diagnostics;
using System.Net;
using MeshOperator.EndToEnd.Applications;
using MeshOperator.EndToEnd.Checks;
using MeshOperator.EndToEnd.Clients;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Applications see what they would see without the mesh, but for what <c>docs/http-transparency.md</c> lists.</summary>
public sealed class TransparencyScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "transparency", proxies: 2)
{
    private static readonly Port Undeclared = new("other", 4444, ApplicationPort.SpeaksFirst);

    private static readonly Port[] Ports = [Port.Http, Port.Recorder, Port.Grpc, Undeclared];

    private static readonly string[] EnvoyHeaders =
    [
        "retry-on: 5xx",
        "max-retries: 3",
        "original-path: /x",
        "decorator-operation: x",
        "upstream-rq-timeout-ms: 1",
        "internal: true",
        "external-address: 192.0.2.1",
        "force-trace: 1",
        "original-dst-host: 127.0.0.1:1",
        "attempt-count: 7",
        "expected-rq-timeout-ms: 5",
        "hedge-on-per-try-timeout: true",
        "is-timeout-retry: 1",
        "peer-metadata: x",
        "upstream-stream-duration-ms: 5",
    ];

    /// <summary>First lines and headers, with the body after an empty line.</summary>
    private static readonly string[] Requests =
    [
        "GET /plain HTTP/1.1",
        "GET /case HTTP/1.1\nX-Mixed-Case: Value\nACCEPT: */*",
        "GET /several HTTP/1.1\nX-Dup: a\nX-Other: b\nX-Dup: c\nCookie: a=1\nCookie: b=2\nAccept: a\nAccept: b",
        "GET /spaces HTTP/1.1\nX-Spaces:    two  words   \nX-Empty:",
        "GET /folded HTTP/1.1\nX-Folded: a\n b",
        "GET /latin HTTP/1.1\nX-Latin: caf\u00e9",
        "GET /under HTTP/1.1\nx_under_score: 1",
        "GET /a/../b HTTP/1.1",
        "GET /a//b/./c HTTP/1.1",
        "GET /a%2Fb%5Cc%2e%00 HTTP/1.1",
        "GET /a\\b HTTP/1.1",
        "GET /a;p=1?q=%20+&&x=a/../b HTTP/1.1",
        "GET /% HTTP/1.1",
        "GET http://web/absolute?q=1 HTTP/1.1",
        "OPTIONS /options HTTP/1.1",
        "PATCH /patch HTTP/1.1",
        "TRACE /trace HTTP/1.1",
        "PROPFIND /dav HTTP/1.1",
        "DELETE /body HTTP/1.1\nContent-Length: 3\n\nabc",
        "GET /body HTTP/1.1\nContent-Length: 3\n\nabc",
        "POST /empty HTTP/1.1\nContent-Length: 0",
        "POST /none HTTP/1.1",
        "POST /chunks HTTP/1.1\nTransfer-Encoding: chunked\n\n3\nabc\n2;ext=1\nde\n0\n\n",
        "POST /trailers HTTP/1.1\nTransfer-Encoding: chunked\nTrailer: X-Sum\n\n3\nabc\n0\nX-Sum: 9\n\n",
        "GET /te HTTP/1.1\nTE: trailers",
        "GET /te HTTP/1.1\nTE: gzip",
        "GET /hop HTTP/1.1\nKeep-Alive: timeout=5\nProxy-Connection: keep-alive\nUpgrade: h2c",
        "GET /forwarded HTTP/1.1\nX-Forwarded-For: 10.0.0.1\nX-Forwarded-Proto: https\nForwarded: for=192.0.2.1\nVia: 1.1 "
            + "x\nX-Request-Id: mine",
        "GET /identity HTTP/1.1\nX-Forwarded-Client-Cert: URI=spiffe://forged",
        "GET /conditional HTTP/1.1\nAuthorization: Basic dTpw\nRange: bytes=0-1\nIf-None-Match: x\nAccept-Encoding: gzip, "
            + "br\nUser-Agent: t/1",
        $"GET /envoy HTTP/1.1\n{string.Join('\n', EnvoyHeaders.Select(header => "x-envoy-" + header))}",
        "GET /old HTTP/1.0",
    ];

    private Client Caller => Workload("client").Client;

    private Client Outside => Workload("outside").Client;

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(
            ns.DeployAsync(new WorkloadSpec("web") { Ports = Ports }),
            ns.DeployAsync(new WorkloadSpec("plain") { Ports = Ports, IsMeshed = false }),
            ns.DeployAsync("client"),
            ns.DeployAsync("outside", meshed: false)
        );

    [Fact]
    public async Task Requests_arrive_byte_by_byte_as_without_the_mesh_but_for_the_documented_differences()
    {
        var wrong = await Task.WhenAll(
            Requests.Select(async request =>
            {
                var plain = await ArrivedAsync(Outside, "plain", request);
                var found = new[]
                {
                    ("in the mesh", DocumentedDifferences.Other(plain, await ArrivedAsync(Caller, "web", request), mutualTls: true)),
                    ("from outside", DocumentedDifferences.Other(plain, await ArrivedAsync(Outside, "web", request), mutualTls: false)),
                    ("to the outside", DocumentedDifferences.Other(plain, await ArrivedAsync(Caller, "plain", request), mutualTls: false)),
                };
                return found.Where(way => way.Item2 is not null).Select(way => $"{plain.Line}, {way.Item1}: {way.Item2}");
            })
        );

        wrong.SelectMany(w => w).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("GET /path#fragment", 400)]
    [InlineData("GET /caf\u00e9", 400)]
    [InlineData("QUERY /", 400)]
    [InlineData("OPTIONS *", 404)]
    [ModelTraffic(15, "raw UTF-8 in a target", Row = 14, Direct = "200", Before = "400", Now = "400")]
    public async Task Proxy_refuses_what_the_documentation_lists(string request, int status)
    {
        (await RawAsync(Caller, "web", request + " HTTP/1.1")).ShouldStartWith($"HTTP/1.1 {status} ");
        (await RawAsync(Outside, "web", request + " HTTP/1.1")).ShouldStartWith($"HTTP/1.1 {status} ");
    }

    [Fact]
    public async Task Trailers_of_an_answer_arrive() =>
        (await RawAsync(Caller, "web", "GET / HTTP/1.1\nTE: trailers\nx-answer: trailers")).ShouldEndWith("0\r\nx-checksum: 1a2b\r\n\r\n");

    [Fact]
    public async Task Early_hints_arrive_before_the_answer() =>
        (await RawAsync(Caller, "web", "GET / HTTP/1.1\nx-answer: hints")).ShouldMatch(
            @"^HTTP/1\.1 103 Early Hints\r\nLink: </style\.css>; rel=preload\r\n\r\nHTTP/1\.1 200 OK\r\n"
        );

    [Fact]
    public async Task Body_that_the_application_refuses_beforehand_is_not_sent()
    {
        using var connection = await Caller.ConnectAsync("web", Port.Recorder.Number);
        await connection.SendAsync(
            "PUT / HTTP/1.1\r\nHost: web\r\nx-answer: refuse\r\nExpect: 100-continue\r\nContent-Length: 3000000\r\n\r\n"
        );

        (await connection.ReadUntilAsync("\r\n\r\n")).ShouldStartWith("HTTP/1.1 401 ");
    }

    [Fact]
    public async Task Body_that_the_application_asks_for_arrives()
    {
        using var connection = await Caller.ConnectAsync("web", Port.Recorder.Number);
        await connection.SendAsync("PUT / HTTP/1.1\r\nHost: web\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
        (await connection.ReadUntilAsync("\r\n\r\n")).ShouldStartWith("HTTP/1.1 100 Continue\r\n");
        await connection.SendAsync("abc");

        (await connection.ReadUntilAsync("\r\n\r\nabc")).ShouldContain("expect: 100-continue\r\n");
    }

    [Fact]
    public async Task Requests_and_answers_with_150_headers_or_60_KiB_of_them_arrive()
    {
        var headers = string.Concat(Enumerable.Range(0, 150).Select(i => $"\nx-{i}: value"));

        (await RawAsync(Caller, "web", "GET / HTTP/1.1" + headers)).ShouldContain("x-149: value\r\n");
        (await RawAsync(Caller, "web", $"GET / HTTP/1.1\nx-large: {new string('l', 60 * 1024)}")).ShouldStartWith("HTTP/1.1 200 ");
        (await RawAsync(Caller, "web", "GET / HTTP/1.1\nx-answer: headers")).ShouldContain("x-149: value\r\n");
        (await RawAsync(Caller, "web", "GET / HTTP/1.1\nx-answer: large")).Length.ShouldBeGreaterThan(60 * 1024);
    }

    [Fact]
    public async Task Request_over_HTTP_2_with_150_headers_and_60_KiB_of_them_arrives()
    {
        string[] headers = [.. Enumerable.Range(0, 150).Select(i => $"x-{i}: {new string('v', 410)}")];

        var reply = await Caller.SendAsync(HttpMethod.Get, $"http://web:{Port.Grpc.Number}/", headers, version: HttpVersion.Version20);

        reply.Arrived("x-149").ShouldNotBeNull().Length.ShouldBe(410);
    }

    [Fact]
    public async Task Request_with_too_many_headers_is_answered_431_and_an_answer_with_too_many_becomes_502()
    {
        (
            await RawAsync(Caller, "web", "GET / HTTP/1.1" + string.Concat(Enumerable.Range(0, 600).Select(i => $"\nx-{i}: value")))
        ).ShouldStartWith("HTTP/1.1 431 ");
        (await RawAsync(Caller, "web", $"GET / HTTP/1.1\nx-large: {new string('l', 100 * 1024)}")).ShouldStartWith("HTTP/1.1 431 ");
        (await RawAsync(Caller, "web", "GET / HTTP/1.1\nx-answer: too-many")).ShouldStartWith("HTTP/1.1 502 ");
    }

    [Fact]
    public async Task Request_over_HTTP_2_with_too_many_headers_is_reset()
    {
        string[] headers = [.. Enumerable.Range(0, 600).Select(i => $"x-{i}: value")];

        await Should.ThrowAsync<HttpRequestException>(() =>
            Caller.SendAsync(HttpMethod.Get, $"http://web:{Port.Grpc.Number}/", headers, version: HttpVersion.Version20)
        );
    }

    [Fact]
    public async Task Headers_of_Envoy_reach_neither_the_application_nor_the_caller()
    {
        string[] headers = [.. EnvoyHeaders.Select(header => "x-envoy-" + header)];
        foreach (var caller in new[] { Caller, Outside })
        {
            var reply = await caller.GetAsync("http://web/", headers);

            reply.Status.ShouldBe(HttpStatusCode.OK);
            reply.Json["headers"]!
                .AsObject()
                .Select(h => h.Key)
                .ShouldNotContain(name => name.StartsWith("x-envoy-", StringComparison.Ordinal));
            reply.Headers.Keys.ShouldNotContain(name => name.StartsWith("x-envoy-", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Server_that_speaks_first_on_an_undeclared_port_is_heard_after_one_second()
    {
        foreach (var (caller, server) in new[] { (Caller, "web"), (Outside, "web"), (Caller, "plain") })
        {
            var times = await Task.WhenAll(
                Enumerable
                    .Range(0, 3)
                    .Select(async _ =>
                    {
                        var clock = Stopwatch.StartNew();
                        using var connection = await caller.ConnectAsync(server, Undeclared.Number);
                        (await connection.ReadUntilAsync("\n")).ShouldStartWith("220 " + server);
                        return clock.Elapsed;
                    })
            );
            times.Min().ShouldBeLessThan(TimeSpan.FromSeconds(1.3), server);
        }
    }

    /// <summary>The request as the application got it.</summary>
    private static async Task<ArrivedRequest> ArrivedAsync(Client caller, string server, string request)
    {
        var answer = await RawAsync(caller, server, request);
        answer.ShouldContain(" 200 OK\r\n", customMessage: $"{request} to {server}");
        return ArrivedRequest.Parse(answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]);
    }

    /// <summary>Sends a request on a connection of its own and reads all of the answer.</summary>
    private static async Task<string> RawAsync(Client caller, string server, string request)
    {
        var parts = request.Split("\n\n", 2);
        var host = parts[0].EndsWith("HTTP/1.0", StringComparison.Ordinal) ? string.Empty : "Host: web\nConnection: close\n";
        var line = parts[0].Split('\n', 2);
        var text = $"{line[0]}\n{host}{(line.Length > 1 ? line[1] + "\n" : string.Empty)}\n{(parts.Length > 1 ? parts[1] : string.Empty)}";
        using var connection = await caller.ConnectAsync(server, Port.Recorder.Number);
        await connection.SendAsync(text.Replace("\n", "\r\n", StringComparison.Ordinal));
        return await connection.ReadToEndAsync();
    }
}
