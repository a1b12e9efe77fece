using System.Net;
using System.Net.Sockets;
using System.Text;
using MeshOperator.Api;
using MeshOperator.EndToEnd.Node;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>What an application reaches of the admin interface of its pod's proxy.</summary>
public sealed class AdminScenarios(TestMesh mesh) : Scenario(mesh)
{
    /// <summary>Requests that are refused, as they are written.</summary>
    private static readonly string[] Refused =
    [
        "POST /quitquitquit HTTP/1.1",
        "GET /quitquitquit HTTP/1.1",
        "POST /drain_listeners?graceful HTTP/1.1",
        "POST /healthcheck/fail HTTP/1.1",
        "POST /logging?level=trace HTTP/1.1",
        "POST /runtime_modify?a=b HTTP/1.1",
        "POST /config_dump HTTP/1.1",
        "POST /stats HTTP/1.1",
        "HEAD /ready HTTP/1.1",
        "get /ready HTTP/1.1",
        "GET / HTTP/1.1",
        "GET /help HTTP/1.1",
        "GET /memory HTTP/1.1",
        "GET /heap_dump HTTP/1.1",
        "GET /stats/recentlookups HTTP/1.1",
        "GET /stats/ HTTP/1.1",
        "GET //stats HTTP/1.1",
        "GET /STATS HTTP/1.1",
        "GET /stats;/../memory HTTP/1.1",
        "GET /stats/../memory HTTP/1.1",
        "POST /stats/../quitquitquit HTTP/1.1",
        "POST /config_dump/../quitquitquit HTTP/1.1",
        "POST /stats/%2e%2e/quitquitquit HTTP/1.1",
        "POST /stats%2f..%2fquitquitquit HTTP/1.1",
        "POST /stats/..%2fquitquitquit HTTP/1.1",
        "POST /stats%252f..%252fquitquitquit HTTP/1.1",
        "GET /stats%5c..%5cmemory HTTP/1.1",
        "GET /stats%00/memory HTTP/1.1",
        "GET /stats#/../memory HTTP/1.1",
        "POST http://127.0.0.1:15000/quitquitquit HTTP/1.1",
        "GET http://127.0.0.1:15000/memory HTTP/1.1",
        "GET http://web/stats/../memory HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT 127.0.0.1:15000 HTTP/1.1",
        "GET /quitquitquit HTTP/1.0",
        "GET /ready HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade",
        "GET /ready HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
        "POST /ready HTTP/1.1\r\nX-HTTP-Method-Override: GET",
        "GET /memory HTTP/1.1\r\nx-envoy-original-path: /stats",
    ];

    [Fact]
    public async Task Application_reads_pages_of_the_admin_interface_and_reaches_nothing_else()
    {
        var shop = await NamespaceAsync("admin", proxies: 1);
        var web = await shop.DeployAsync("web");
        var pod = web.Pods[0];

        foreach (
            var page in new[]
            {
                "/ready",
                "/stats",
                "/stats/prometheus",
                "/config_dump",
                "/clusters",
                "/listeners",
                "/certs",
                "/server_info",
            }
        )
            (await AskAsync(pod, $"GET {page} HTTP/1.1")).ShouldStartWith("HTTP/1.1 200 ", customMessage: page);
        (await AskAsync(pod, "GET /stats?filter=^server.live$ HTTP/1.1")).ShouldContain("\nserver.live: 1\n");

        var answers = await Task.WhenAll(Refused.Select(request => AskAsync(pod, request)));
        foreach (var (request, answer) in Refused.Zip(answers))
        {
            answer.Split(' ')[1].ShouldBeOneOf(["400", "403", "404", "426"], request);
            answer.ShouldNotContain("allocated", customMessage: request);
        }

        (await AskAsync(pod, "POST /quitquitquit HTTP/1.1")).ShouldEndWith(
            "Only these pages can be read here, by GET: /ready, /stats, /stats/prometheus, /config_dump, /clusters, /listeners, /certs, "
                + "/server_info\n"
        );
        pod.Proxy!.Restarts.ShouldBe(0);
        (await pod.Proxy.AdminAsync("/ready")).ShouldBe("LIVE\n");
        (await pod.Proxy.AdminAsync("/server_info")).ShouldContain("\"log_level\": \"warning\"");
    }

    [Fact]
    public async Task Pages_of_the_admin_interface_show_no_private_key()
    {
        var shop = await NamespaceAsync("keys", proxies: 1);
        var web = await shop.DeployAsync("web");
        var pod = web.Pods[0];

        foreach (
            var query in new[] { "", "?include_eds", "?resource=dynamic_active_secrets", "?mask=dynamic_active_secrets", "?name_regex=.*" }
        )
        {
            var dump = await AskAsync(pod, $"GET /config_dump{query} HTTP/1.1");
            dump.ShouldStartWith("HTTP/1.1 200 ", customMessage: query);
            dump.ShouldNotContain("PRIVATE KEY", customMessage: query);
            dump.ShouldNotContain(Convert.ToBase64String("-----BEGIN PRIV"u8), customMessage: query);
        }

        var secrets = await AskAsync(pod, "GET /config_dump?resource=dynamic_active_secrets HTTP/1.1");
        secrets.ShouldContain("\"private_key\"");
        secrets.ShouldContain(Convert.ToBase64String("[redacted]"u8));
    }

    /// <summary>The answer to a request that is written as it is, from the application's place.</summary>
    private static async Task<string> AskAsync(RunningPod pod, string request)
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var socket = await pod.Network.Namespace.ConnectAsync(new IPEndPoint(IPAddress.Loopback, ProxyPort.Admin), cancellation);
        await using var stream = new NetworkStream(socket);
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"{request}\r\nHost: localhost\r\nConnection: close\r\n\r\n"), cancellation);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadToEndAsync(cancellation);
    }
}
