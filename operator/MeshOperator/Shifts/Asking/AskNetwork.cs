using System.Net;
using System.Net.Sockets;

namespace MeshOperator.Shifts.Asking;

/// <summary>The network as checks use it.</summary>
/// <param name="Resolve">Finds the addresses of a host.</param>
/// <param name="Connect">Connects to an address.</param>
internal sealed record AskNetwork(
    Func<string, CancellationToken, Task<IPAddress[]>> Resolve,
    Func<IPEndPoint, CancellationToken, Task<Stream>> Connect
)
{
    /// <summary>That of this machine.</summary>
    public static AskNetwork Real { get; } = new(Dns.GetHostAddressesAsync, ConnectAsync);

    private static async Task<Stream> ConnectAsync(IPEndPoint address, CancellationToken cancellation)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(address, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
