using System.Net;
using System.Net.Sockets;
using System.Text;
using MeshOperator.Mesh.Model;
using MeshOperator.Proxy.Tests.Support;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Proxy.Tests;

public sealed class BytesTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Bytes_pass_through_mutual_TLS_of_a_server_that_speaks_first()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (pod, loopback) = (Loopback.Next(), Loopback.Next());
        await using var server = new GreetingServer(loopback);
        await mesh.AddBytesAsync("db", pod, loopback);
        await mesh.AddClientAsync(localPorts: new LocalServicePort(5432, ProxyMesh.Name("db"), 80));
        (await AskAsync(mesh.FindAddress("client"), 5432)).ShouldBe("hello, ping");
    }

    [Fact]
    public async Task A_caller_that_is_not_allowed_gets_no_byte_and_one_that_was_loses_its_connection()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (pod, loopback) = (Loopback.Next(), Loopback.Next());
        await using var server = new GreetingServer(loopback);
        await mesh.AddBytesAsync("db", pod, loopback);
        var port = new LocalServicePort(5432, ProxyMesh.Name("db"), 80);
        await mesh.AddClientAsync("client", localPorts: port);
        await mesh.AddClientAsync("stranger", localPorts: port);
        using var open = new TcpClient();
        await open.ConnectAsync(IPAddress.Parse(mesh.FindAddress("stranger")), 5432, Cancellation);
        await ReadAsync(open.GetStream(), "hello, ");

        var rule = new AccessRule
        {
            Callers =
            [
                [new StringMatch(StringMatchKind.Exact, ProxyMesh.Identity("client"))],
            ],
        };
        mesh.ChangeInbound("db", inbound => inbound with { Access = new AccessPolicy(true, [rule], [], false), Revision = 1 });
        await Eventually.Succeeds(async () => (await AskAsync(mesh.FindAddress("stranger"), 5432)).ShouldBe(""));
        (await AskAsync(mesh.FindAddress("client"), 5432)).ShouldBe("hello, ping");
        await Should.ThrowAsync<IOException>(async () =>
        {
            while (true)
            {
                await open.GetStream().WriteAsync("ping"u8.ToArray(), Cancellation);
                await ReadAsync(open.GetStream(), "ping");
            }
        });
    }

    [Fact]
    public async Task A_permissive_port_passes_the_applications_own_TLS_on_as_it_is()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (pod, loopback) = (Loopback.Next(), Loopback.Next());
        using var listener = new TcpListener(IPAddress.Parse(loopback), 8080);
        listener.Start();
        await mesh.AddBytesAsync("db", pod, loopback, MtlsMode.Permissive);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Parse(pod), 8080, Cancellation);

        // A client's hello without the mesh's protocols.
        await using var secure = new System.Net.Security.SslStream(client.GetStream());
        var handshake = secure.AuthenticateAsClientAsync("db");
        using var accepted = await listener.AcceptTcpClientAsync(Cancellation);
        var bytes = new byte[1];
        await accepted.GetStream().ReadExactlyAsync(bytes, Cancellation);
        bytes[0].ShouldBe((byte)22);
        accepted.Close();
        await Should.ThrowAsync<Exception>(() => handshake);
    }

    private static async Task<string> AskAsync(string address, int port)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Parse(address), port, Cancellation);
        var stream = client.GetStream();
        var text = new StringBuilder();
        var buffer = new byte[64];
        try
        {
            await stream.WriteAsync("ping"u8.ToArray(), Cancellation);
            client.Client.Shutdown(SocketShutdown.Send);
            while (await stream.ReadAsync(buffer, Cancellation) is > 0 and var count)
                text.Append(Encoding.ASCII.GetString(buffer, 0, count));
        }
        catch (IOException)
        {
            // It was closed.
        }

        return text.ToString();
    }

    private static async Task ReadAsync(NetworkStream stream, string expected)
    {
        var bytes = new byte[expected.Length];
        await stream.ReadExactlyAsync(bytes, Cancellation);
        Encoding.ASCII.GetString(bytes).ShouldBe(expected);
    }
}
