using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace MeshOperator.EndToEnd.Node;

/// <summary>A network namespace of Linux with a name under <c>/run/netns</c>. A socket belongs to the namespace of the thread that makes
/// it, so one thread of this process goes from namespace to namespace and makes the sockets of all applications and clients.</summary>
internal sealed class NetworkNamespace : IDisposable
{
    private const int CloneNewNet = 0x40000000;
    private static readonly BlockingCollection<SocketRequest> Requests = [];
    private static readonly Thread Maker = StartMaker();
    private readonly SafeFileHandle _handle;

    private NetworkNamespace(string name)
    {
        Name = name;
        _handle = File.OpenHandle(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
    }

    /// <summary>The name, as <c>ip netns</c> knows it.</summary>
    public string Name { get; }

    /// <summary>Where <c>nsenter</c> finds it.</summary>
    public string Path => $"/run/netns/{Name}";

    public static async Task<NetworkNamespace> CreateAsync(string name)
    {
        await Command.RunAsync("ip", "netns", "add", name);
        return new NetworkNamespace(name);
    }

    /// <summary>A TCP socket in this namespace; it stays there whoever uses it.</summary>
    public Socket CreateSocket(AddressFamily family = AddressFamily.InterNetwork)
    {
        var made = new TaskCompletionSource<Socket>(TaskCreationOptions.RunContinuationsAsynchronously);
        var request = new SocketRequest(_handle, family, made);
        Requests.Add(request);
        var socket = request.Made.Task.GetAwaiter().GetResult();
        socket.NoDelay = true;
        return socket;
    }

    /// <summary>A socket that listens in this namespace; port 0 takes any free one.</summary>
    public Socket Listen(IPAddress address, int port)
    {
        var socket = Bind(new IPEndPoint(address, port));
        socket.Listen(1024);
        return socket;
    }

    /// <summary>A socket with an address in this namespace, which does not listen yet. That for all addresses of IPv6 is for those of IPv4
    /// as well.</summary>
    public Socket Bind(IPEndPoint address)
    {
        var socket = CreateSocket(address.AddressFamily);
        if (address.Address.Equals(IPAddress.IPv6Any))
            socket.DualMode = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        socket.Bind(address);
        return socket;
    }

    /// <summary>A connection from this namespace.</summary>
    public async ValueTask<Socket> ConnectAsync(IPEndPoint to, CancellationToken cancellation)
    {
        var socket = CreateSocket(to.AddressFamily);
        try
        {
            await socket.ConnectAsync(to, cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async Task DeleteAsync()
    {
        Dispose();
        await Command.TryAsync("ip", "netns", "delete", Name);
    }

    public void Dispose() => _handle.Dispose();

    private static Thread StartMaker()
    {
        var thread = new Thread(MakeSockets) { IsBackground = true, Name = "sockets of namespaces" };
        thread.Start();
        return thread;
    }

    private static void MakeSockets()
    {
        foreach (var (handle, family, made) in Requests.GetConsumingEnumerable())
        {
            try
            {
                if (setns(handle.DangerousGetHandle().ToInt32(), CloneNewNet) != 0)
                    throw new IOException($"setns: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
                made.SetResult(new Socket(family, SocketType.Stream, ProtocolType.Tcp));
            }
            catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
            {
                made.SetException(e is ObjectDisposedException ? new IOException("the network namespace is gone", e) : e);
            }
        }
    }

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
#pragma warning disable IDE1006 // The C library's name.
    private static extern int setns(int fd, int type);
#pragma warning restore IDE1006

    private sealed record SocketRequest(SafeFileHandle Handle, AddressFamily Family, TaskCompletionSource<Socket> Made);
}
