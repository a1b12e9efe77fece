using System.Net;
using System.Net.WebSockets;
using System.Text;
using MeshOperator.Mesh.Model;
using MeshOperator.Proxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Shouldly;
using Xunit;

namespace MeshOperator.Proxy.Tests;

public sealed class StreamingTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_event_reaches_the_client_before_the_response_ends()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (application, _, _) = await mesh.AddMeshedAsync("model");
        var seen = new TaskCompletionSource();
        application.Handler = async context =>
        {
            context.Response.ContentType = "text/event-stream";
            await context.Response.WriteAsync("data: one\n\n");
            await context.Response.Body.FlushAsync();
            await seen.Task;
            await context.Response.WriteAsync("data: two\n\n");
        };
        var client = await mesh.AddClientAsync();
        await using var stream = await client.GetStreamAsync("http://model/", Cancellation);
        using var reader = new StreamReader(stream);
        (await reader.ReadLineAsync(Cancellation)).ShouldBe("data: one");
        seen.SetResult();
        (await reader.ReadToEndAsync(Cancellation)).ShouldContain("data: two");
    }

    [Fact]
    public async Task A_call_of_gRPC_streams_both_ways_through_a_local_port_and_ends_with_trailers()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (application, _, _) = await mesh.AddMeshedAsync("model", PortProtocol.Grpc);
        application.Handler = async context =>
        {
            context.Response.ContentType = "application/grpc";
            await context.Response.Body.FlushAsync();
            var buffer = new byte[64];
            while (await context.Request.Body.ReadAsync(buffer, Cancellation) is > 0 and var count)
                await context.Response.Body.WriteAsync(buffer.AsMemory(0, count), Cancellation);
            context.Response.AppendTrailer("grpc-status", "0");
            context.Response.AppendTrailer("grpc-message", context.Request.Protocol);
        };
        await mesh.AddClientAsync(localPorts: new LocalServicePort(9000, ProxyMesh.Name("model"), 80));
        using var client = new HttpClient();
        var sending = new System.IO.Pipelines.Pipe();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://{mesh.FindAddress("client")}:9000/a.B/C")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new PipedContent(sending.Reader),
        };
        request.Content.Headers.ContentType = new("application/grpc");
        var call = client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        await sending.Writer.WriteAsync("one"u8.ToArray(), Cancellation);
        using var response = await call;
        await using var answers = await response.Content.ReadAsStreamAsync(Cancellation);
        var answer = new byte[3];
        await answers.ReadExactlyAsync(answer, Cancellation);
        await sending.Writer.WriteAsync("two"u8.ToArray(), Cancellation);
        await answers.ReadExactlyAsync(answer, Cancellation);
        Encoding.ASCII.GetString(answer).ShouldBe("two");
        await sending.Writer.CompleteAsync();
        (await answers.ReadAsync(answer, Cancellation)).ShouldBe(0);
        response.TrailingHeaders.GetValues("grpc-status").ShouldBe(["0"]);
        response.TrailingHeaders.GetValues("grpc-message").ShouldBe(["HTTP/2"]);
    }

    [Fact]
    public async Task A_call_of_gRPC_that_cannot_be_answered_gets_a_status_of_gRPC()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        mesh.AddService("model", PortProtocol.Grpc, []);
        await mesh.AddClientAsync(localPorts: new LocalServicePort(9000, ProxyMesh.Name("model"), 80));
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://{mesh.FindAddress("client")}:9000/a.B/C")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([]),
        };
        request.Content.Headers.ContentType = new("application/grpc");
        using var response = await client.SendAsync(request, Cancellation);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        response.Headers.GetValues("grpc-status").ShouldBe(["14"]);
        response.Headers.GetValues("grpc-message").ShouldBe(["no healthy upstream"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_call_of_gRPC_that_is_rejected_before_it_was_read_ends_with_the_status_of_its_server(bool isRetried)
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (application, _, _) = await mesh.AddMeshedAsync("model", PortProtocol.Grpc);
        application.Handler = context =>
        {
            context.Response.ContentType = "application/grpc";
            context.Response.Headers["grpc-status"] = "7";
            return Task.CompletedTask;
        };
        if (isRetried)
            mesh.Route("model", route => route with { Retry = RetryTests.Settings });
        await mesh.AddClientAsync(localPorts: new LocalServicePort(9000, ProxyMesh.Name("model"), 80));
        using var client = new HttpClient();
        var statuses = new System.Collections.Concurrent.ConcurrentBag<string>();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, 1000),
            new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancellation },
            async (_, stop) => statuses.Add(await RejectedCallAsync(client, $"http://{mesh.FindAddress("client")}:9000/a.B/C", stop))
        );
        statuses.GroupBy(status => status).Select(group => (group.Key, group.Count())).ShouldBe([("7", 1000)]);
    }

    [Fact]
    public async Task A_client_of_the_proxy_may_speak_HTTP2()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (application, _, _) = await mesh.AddMeshedAsync("model", PortProtocol.Http2);
        application.Handler = context => context.Response.WriteAsync($"{context.Request.Protocol} {context.Request.Host}");
        await mesh.AddClientAsync();
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{mesh.FindAddress("client")}:15001/")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.Host = "model.shop";
        using var response = await client.SendAsync(request, Cancellation);
        (await response.Content.ReadAsStringAsync(Cancellation)).ShouldBe("HTTP/2 model.shop");
    }

    [Fact]
    public async Task A_web_socket_passes_both_proxies()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (application, _, _) = await mesh.AddMeshedAsync("model");
        application.Handler = async context =>
        {
            using var server = await context.WebSockets.AcceptWebSocketAsync();
            var buffer = new byte[64];
            var received = await server.ReceiveAsync(buffer, Cancellation);
            await server.SendAsync(buffer.AsMemory(0, received.Count), WebSocketMessageType.Text, true, Cancellation);
            await server.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
        };
        await mesh.AddClientAsync(localPorts: new LocalServicePort(9000, ProxyMesh.Name("model"), 80));
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://{mesh.FindAddress("client")}:9000/chat"), Cancellation);
        await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, true, Cancellation);
        var answer = new byte[64];
        var result = await socket.ReceiveAsync(answer, Cancellation);
        Encoding.UTF8.GetString(answer, 0, result.Count).ShouldBe("hello");
    }

    /// <summary>A call whose message comes in two parts, so that it may be rejected between them.</summary>
    private static async Task<string> RejectedCallAsync(HttpClient client, string url, CancellationToken cancellation)
    {
        var sending = new System.IO.Pipelines.Pipe();
        using var request = new HttpRequestMessage(HttpMethod.Post, url)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new PipedContent(sending.Reader),
        };
        request.Content.Headers.ContentType = new("application/grpc");
        var call = client.SendAsync(request, cancellation);
        await sending.Writer.WriteAsync(new byte[] { 0, 0, 0, 0, 2 }, cancellation);
        await Task.Yield();
        await sending.Writer.WriteAsync(new byte[] { 1, 2 }, cancellation);
        await sending.Writer.CompleteAsync();
        try
        {
            using var response = await call;
            return response.Headers.TryGetValues("grpc-status", out var status) ? status.Single() : "none";
        }
        catch (HttpRequestException exception)
        {
            return exception.ToString();
        }
    }
}
