using System.Net;
using System.Net.WebSockets;
using System.Text;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>What says nothing for longer than any usual timeout is not ended by the mesh, whatever becomes of the operator
/// meanwhile.</summary>
public sealed class SilenceScenarios(TestMesh mesh) : Scenario(mesh)
{
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(330);

    [Fact]
    public async Task Request_WebSocket_and_connection_outlast_330_seconds_of_silence()
    {
        var shop = await NamespaceAsync("silence", proxies: 2, Turn.Aside);
        await shop.DeployAsync(new WorkloadSpec("web") { Ports = [Port.Http, Port.Echo] });
        var client = (await shop.DeployAsync("client")).Client;
        using var socket = await client.WebSocketAsync("ws://web/socket");
        using var connection = await client.ConnectAsync("web", Port.Echo.Number);
        await connection.SendAsync("before");
        (await connection.ReadUntilAsync("before")).ShouldBe("before");

        // The request is the clock of the others.
        var reply = await client.GetAsync("http://web/", $"x-delay: {Silence.TotalMilliseconds}");

        reply.Status.ShouldBe(HttpStatusCode.OK);
        reply.Elapsed.ShouldBeGreaterThan(Silence);
        await connection.SendAsync("after");
        (await connection.ReadUntilAsync("after")).ShouldBe("after");
        await SaysAsync(socket, "after");
    }

    private static async Task SaysAsync(ClientWebSocket socket, string text)
    {
        var buffer = new byte[64];
        await socket.SendAsync(
            Encoding.ASCII.GetBytes(text),
            WebSocketMessageType.Text,
            endOfMessage: true,
            TestContext.Current.CancellationToken
        );
        var message = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
        Encoding.ASCII.GetString(buffer, 0, message.Count).ShouldBe(text);
    }
}
