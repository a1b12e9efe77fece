using System.Net;
using System.Net.Sockets;
using System.Text;
using MeshOperator.Mesh.Model;
using MeshOperator.Proxy.Tests.Support;
using MeshOperator.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Shouldly;
using Xunit;

namespace MeshOperator.Proxy.Tests;

/// <summary>The same configuration in the built-in proxy and in a real Envoy.</summary>
public sealed class EnvoyParityTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_are_answered_as_a_real_Envoy_answers_them()
    {
        var program = Programs.FindEnvoy();
        Assert.SkipWhen(program is null, "There is no Envoy: name one by ENVOY.");
        await using var mesh = await ProxyMesh.StartAsync();
        var (model, _, _) = await mesh.AddMeshedAsync("model");
        model.Handler = EchoAsync;
        var plain = (await mesh.AddPlainAsync("plain"))[0];
        plain.Handler = EchoAsync;
        await mesh.AddPlainAsync("broken");
        mesh.AddService("empty", PortProtocol.Http, []);
        mesh.Route(
            "plain",
            route =>
                route with
                {
                    RequestTimeout = TimeSpan.FromMilliseconds(300),
                    Headers = new HeaderChanges([new HeaderValue("x-set", "50%")], [new HeaderValue("x-add", "2")], ["x-gone"]),
                }
        );
        mesh.Route("broken", route => route with { Fault = new FaultInjection(null, 0, 418, 100) });
        mesh.Update(model => model);
        await mesh.AddClientAsync();
        var envoy = await mesh.AddEnvoyAsync(program, "envoy");
        string[] requests =
        [
            "GET http://model/a?b=1 HTTP/1.1\r\nHost: model\r\nx-forwarded-client-cert: me\r\n",
            "GET http://model.shop.svc.cluster.local/%2e%2e/a%2Fb HTTP/1.1\r\nHost: other\r\n",
            "GET http://model HTTP/1.1\r\nHost: model\r\n",
            "HEAD http://model/ HTTP/1.1\r\nHost: model\r\n",
            "POST http://model/ HTTP/1.1\r\nHost: model\r\nContent-Length: 5\r\n\r\nhello",
            "GET http://model/ HTTP/1.0\r\n",
            "GET http://plain/ HTTP/1.1\r\nHost: plain\r\nx-set: 1\r\nx-gone: 1\r\nx-envoy-original-path: /x\r\n",
            "GET http://plain/slow HTTP/1.1\r\nHost: plain\r\n",
            "POST http://plain/slow HTTP/1.1\r\nHost: plain\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n",
            "GET http://broken/ HTTP/1.1\r\nHost: broken\r\n",
            "GET http://empty/ HTTP/1.1\r\nHost: empty\r\n",
            "POST http://empty/ HTTP/1.1\r\nHost: empty\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n",
            "GET http://unknown/ HTTP/1.1\r\nHost: unknown\r\n",
        ];
        foreach (var request in requests)
            (await AskAsync(mesh.FindAddress("client"), request)).ShouldBe(await AskAsync(envoy, request), request);
    }

    /// <summary>Answers with the request as it arrived, without what differs from proxy to proxy.</summary>
    private static async Task EchoAsync(HttpContext context)
    {
        if (context.Request.Path == "/slow")
            await Task.Delay(TimeSpan.FromSeconds(10), TimeProvider.System, context.RequestAborted);
        using var reader = new StreamReader(context.Request.Body);
        var body = await reader.ReadToEndAsync(Cancellation);
        var text = new StringBuilder(
            $"{context.Request.Method} {context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget}\n{body}\n"
        );
        foreach (var (name, value) in context.Request.Headers.OrderBy(header => header.Key, StringComparer.OrdinalIgnoreCase))
        {
            var shown = name.ToLowerInvariant() switch
            {
                "x-request-id" => "…",
                "x-forwarded-client-cert" => System.Text.RegularExpressions.Regex.Replace(
                    value.ToString(),
                    "Hash=[0-9a-f]+|/sa/(client|envoy)",
                    "…"
                ),
                _ => value.ToString().Replace(", ", ",", StringComparison.Ordinal),
            };
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"{name.ToLowerInvariant()}: {shown}\n");
        }

        context.Response.Headers["x-answer"] = "yes";
        context.Response.Headers.Server = "app";
        await context.Response.WriteAsync(text.ToString());
    }

    /// <summary>The status, the headers but for the date and how the body is framed, and the body.</summary>
    private static async Task<string> AskAsync(string address, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Parse(address), 15001, Cancellation);
        var (head, body) = request.Split("\r\n\r\n") is [var first, var second] ? (first + "\r\n", second) : (request, "");
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"{head}Connection: close\r\n\r\n{body}"), Cancellation);
        using var reader = new StreamReader(client.GetStream(), Encoding.Latin1);
        var answer = await reader.ReadToEndAsync(Cancellation);
        var end = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var lines = answer[..end].Split("\r\n");
        string[] framing = ["date:", "transfer-encoding:", "content-length:", "connection:"];
        var headers = lines
            .Skip(1)
            .Select(line => $"{line.Split(':')[0].ToLowerInvariant()}:{line.Split(':', 2)[1]}")
            .Where(line => !framing.Any(name => line.StartsWith(name, StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal);
        var isChunked = answer[..end].Contains("chunked", StringComparison.OrdinalIgnoreCase);
        var text = isChunked ? Unchunk(answer[(end + 4)..]) : answer[(end + 4)..];
        return $"{lines[0].Split(' ')[1]}\n{string.Join('\n', headers)}\n\n{text}";
    }

    private static string Unchunk(string chunked)
    {
        var text = new StringBuilder();
        while (chunked.Length > 0)
        {
            var line = chunked.IndexOf("\r\n", StringComparison.Ordinal);
            var size = Convert.ToInt32(chunked[..line], 16);
            text.Append(chunked.AsSpan(line + 2, size));
            chunked = chunked[(line + 2 + size + 2)..];
        }

        return text.ToString();
    }
}
