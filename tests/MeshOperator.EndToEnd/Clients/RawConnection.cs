using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace MeshOperator.EndToEnd.Clients;

/// <summary>A TCP connection on which a test writes and reads bytes by itself.</summary>
internal sealed class RawConnection(Socket socket) : IDisposable
{
    private static readonly TimeSpan DefaultLimit = TimeSpan.FromSeconds(10);

    public Socket Socket => socket;

    /// <summary>Whether <see cref="ReadToEndAsync"/> ended by a reset.</summary>
    public bool IsReset { get; private set; }

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
            bytes = bytes[await socket.SendAsync(bytes)..];
    }

    /// <summary>Says that nothing more is sent.</summary>
    public void CloseSending() => socket.Shutdown(SocketShutdown.Send);

    /// <summary>Reads until the text contains what is wanted, or the connection ends.</summary>
    /// <exception cref="TimeoutException">Neither came in time; the message has what did.</exception>
    public async Task<string> ReadUntilAsync(string wanted, TimeSpan? within = null)
    {
        var text = new StringBuilder();
        var buffer = new byte[16 * 1024];
        using var limit = new CancellationTokenSource(within ?? DefaultLimit);
        try
        {
            while (
                !text.ToString().Contains(wanted, StringComparison.Ordinal)
                && await socket.ReceiveAsync(buffer, limit.Token) is var read and > 0
            )
                text.Append(Encoding.Latin1.GetString(buffer, 0, read));
            return text.ToString();
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"'{wanted}' did not come; what came is '{text}'");
        }
    }

    /// <summary>Reads until the connection ends; a reset ends it too.</summary>
    public async Task<string> ReadToEndAsync(TimeSpan? within = null)
    {
        var text = new StringBuilder();
        var buffer = new byte[16 * 1024];
        using var limit = new CancellationTokenSource(within ?? DefaultLimit);
        try
        {
            while (await socket.ReceiveAsync(buffer, limit.Token) is var read and > 0)
                text.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }
        catch (SocketException)
        {
            IsReset = true;
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"the connection is still open; what came is '{text}'");
        }

        return text.ToString();
    }

    /// <summary>TLS over this connection, with whatever certificate the server has.</summary>
    public async Task<SslStream> TlsAsync(string host)
    {
        var stream = new SslStream(new NetworkStream(socket), leaveInnerStreamOpen: false, (_, given, _, _) => given is not null);
        await stream.AuthenticateAsClientAsync(host);
        return stream;
    }

    public void Dispose() => socket.Dispose();
}
