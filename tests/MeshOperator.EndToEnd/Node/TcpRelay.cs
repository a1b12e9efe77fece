using System.Collections.Concurrent;
using System.Net.Sockets;

namespace MeshOperator.EndToEnd.Node;

/// <summary>Leads connections from one network namespace into another, as long as it is not cut.</summary>
internal sealed class TcpRelay : IAsyncDisposable
{
    private readonly Func<Socket> _listen;
    private readonly Func<CancellationToken, ValueTask<Socket>> _connect;
    private readonly ConcurrentDictionary<Socket, bool> _open = new();
    private Socket _listener;
    private Task _accepting;

    /// <param name="listen">Makes the socket that listens; called again after a cut, for the same port.</param>
    /// <param name="connect">Connects to where connections are to go.</param>
    public TcpRelay(Func<Socket> listen, Func<CancellationToken, ValueTask<Socket>> connect)
    {
        (_listen, _connect) = (listen, connect);
        _listener = listen();
        Port = ((System.Net.IPEndPoint)_listener.LocalEndPoint!).Port;
        _accepting = Task.Run(() => AcceptAsync(_listener));
    }

    public int Port { get; }

    public bool IsCut { get; private set; }

    /// <summary>Ends all connections and refuses new ones.</summary>
    public async Task CutAsync()
    {
        IsCut = true;
        _listener.Dispose();
        await _accepting;
        foreach (var socket in _open.Keys)
            socket.Dispose();
    }

    /// <summary>Takes connections again.</summary>
    public void Restore()
    {
        IsCut = false;
        var listener = _listener = _listen();
        _accepting = Task.Run(() => AcceptAsync(listener));
    }

    public async ValueTask DisposeAsync() => await CutAsync();

    private async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            try
            {
                var caller = await listener.AcceptAsync();
                _ = Task.Run(() => ServeAsync(caller));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(Socket caller)
    {
        _open[caller] = true;
        Socket? called = null;
        try
        {
            caller.NoDelay = true;
            called = await _connect(CancellationToken.None);
            _open[called] = true;
            await Task.WhenAll(PumpAsync(caller, called), PumpAsync(called, caller));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException)
        {
            // One side has gone, so the other goes too.
        }
        finally
        {
            caller.Dispose();
            called?.Dispose();
            _open.TryRemove(caller, out _);
            if (called is not null)
                _open.TryRemove(called, out _);
        }
    }

    private static async Task PumpAsync(Socket from, Socket to)
    {
        var buffer = new byte[32 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer) is var read and > 0)
            {
                for (var sent = 0; sent < read; )
                    sent += await to.SendAsync(buffer.AsMemory(sent, read - sent));
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch
        {
            from.Dispose();
            to.Dispose();
            throw;
        }
    }
}
