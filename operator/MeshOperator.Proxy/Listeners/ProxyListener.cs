using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Proxy.Listeners;

/// <summary>A listener with its sockets and connections.</summary>
internal sealed class ProxyListener : IAsyncDisposable
{
    private const int Backlog = 512;
    private static readonly TimeSpan BindRetry = TimeSpan.FromSeconds(1);

    private readonly string _nodeId;
    private readonly ConnectionAcceptor _acceptor;
    private readonly SocketConnectionContextFactory _connections;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<ProxiedConnection, byte> _open = new();
    private readonly ConcurrentDictionary<IPEndPoint, CancellationTokenSource> _sockets = new();
    private volatile ListenerPlan _plan;

    /// <summary>Opens a listener.</summary>
    public ProxyListener(
        ListenerPlan plan,
        string nodeId,
        ConnectionAcceptor acceptor,
        SocketConnectionContextFactory connections,
        TimeProvider time,
        ILogger logger
    )
    {
        _plan = plan;
        _nodeId = nodeId;
        _acceptor = acceptor;
        _connections = connections;
        _time = time;
        _logger = logger;
        Open();
    }

    /// <summary>What it does.</summary>
    public ListenerPlan Plan => _plan;

    /// <summary>Whether all of its sockets are open.</summary>
    public bool IsOpen => !_failed.IsEmpty ? false : _plan.Addresses.All(_sockets.ContainsKey);

    private readonly ConcurrentDictionary<IPEndPoint, byte> _failed = new();

    /// <summary>Does something else from now on. Connections of chains that are no longer there end after the requests in flight.</summary>
    public void Replace(ListenerPlan plan)
    {
        _plan = plan;
        foreach (var (address, socket) in _sockets.Where(entry => !plan.Addresses.Contains(entry.Key)))
        {
            _sockets.TryRemove(address, out _);
            socket.Cancel();
        }

        Open();
        foreach (var connection in _open.Keys.Where(connection => !plan.Has(connection.Chain)))
            connection.Drain();
    }

    /// <summary>Takes no more connections.</summary>
    public void StopAccepting()
    {
        foreach (var socket in _sockets.Values)
            socket.Cancel();
        _sockets.Clear();
    }

    /// <summary>Takes no more connections, and has those that are open end after the requests in flight.</summary>
    public ValueTask DisposeAsync()
    {
        StopAccepting();
        foreach (var connection in _open.Keys)
            connection.Drain();
        return ValueTask.CompletedTask;
    }

    /// <summary>Ends connections of bytes, which have no end of their own.</summary>
    public void EndBytes()
    {
        foreach (var connection in _open.Keys.Where(connection => connection.Chain.Handler is null))
            connection.Drain();
    }

    private void Open()
    {
        foreach (var address in _plan.Addresses.Where(address => !_sockets.ContainsKey(address)))
        {
            var ended = new CancellationTokenSource();
            _sockets[address] = ended;
            var socket = TryBind(address);
            _ = AcceptAsync(socket, address, ended.Token);
        }
    }

    private Socket? TryBind(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(address);
            socket.Listen(Backlog);
            _failed.TryRemove(address, out _);
            _logger.Listening(_nodeId, address.ToString(), _plan.Name);
            return socket;
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            if (_failed.TryAdd(address, 0))
                _logger.CannotListen(_nodeId, address.ToString(), _plan.Name, exception.Message);
            return null;
        }
    }

    private async Task AcceptAsync(Socket? socket, IPEndPoint address, CancellationToken cancellationToken)
    {
        try
        {
            // An earlier proxy of the pod may still have the address.
            while (socket is null)
            {
                await Task.Delay(BindRetry, _time, cancellationToken);
                socket = TryBind(address);
            }

            while (true)
            {
                var accepted = await socket.AcceptAsync(cancellationToken);
                accepted.NoDelay = true;
                _ = ServeAsync(accepted);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // It was removed.
        }
        finally
        {
            _failed.TryRemove(address, out _);
            socket?.Dispose();
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        try
        {
            await _acceptor.ServeAsync(
                _connections.Create(socket),
                _plan,
                connection =>
                {
                    _open[connection] = 0;
                    return new Registration(_open, connection);
                }
            );
        }
#pragma warning disable CA1031 // Whatever ends a connection ends no other.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            _logger.RequestFailed(exception, _plan.Name);
        }
    }

    private sealed class Registration(ConcurrentDictionary<ProxiedConnection, byte> open, ProxiedConnection connection) : IDisposable
    {
        public void Dispose() => open.TryRemove(connection, out _);
    }
}
