using System.Collections.Concurrent;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Proxy.Listeners;

/// <summary>All listeners of a proxy.</summary>
internal sealed class ListenerSet : IAsyncDisposable
{
    private readonly string _nodeId;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly HttpServer _server;
    private readonly ConnectionAcceptor _acceptor;
    private readonly SocketConnectionContextFactory _connections;
    private readonly ConcurrentDictionary<string, ProxyListener> _listeners = new(StringComparer.Ordinal);

    /// <summary>Makes it.</summary>
    public ListenerSet(string nodeId, ILoggerFactory loggers, TimeProvider time)
    {
        _nodeId = nodeId;
        _time = time;
        _logger = loggers.CreateLogger<ListenerSet>();
        _server = new HttpServer(loggers);
        _acceptor = new ConnectionAcceptor(_server, time, _logger);
        _connections = new SocketConnectionContextFactory(new SocketConnectionFactoryOptions(), _logger);
    }

    /// <summary>The listeners that are there.</summary>
    public IEnumerable<ProxyListener> All => _listeners.Values;

    /// <summary>Starts it.</summary>
    public Task StartAsync(CancellationToken cancellationToken) => _server.StartAsync(cancellationToken);

    /// <summary>Whether a listener is there with all of its sockets.</summary>
    public bool IsOpen(string name) => _listeners.TryGetValue(name, out var listener) && listener.IsOpen;

    /// <summary>Opens a listener, or has it do something else.</summary>
    public void Set(ListenerPlan plan)
    {
        if (_listeners.TryGetValue(plan.Name, out var listener))
            listener.Replace(plan);
        else
            _listeners[plan.Name] = new ProxyListener(plan, _nodeId, _acceptor, _connections, _time, _logger);
    }

    /// <summary>Removes a listener.</summary>
    public void Remove(string name)
    {
        if (_listeners.TryRemove(name, out var listener))
            _ = listener.DisposeAsync().AsTask();
    }

    /// <summary>Takes no more connections, and lets requests in flight finish until <paramref name="cancellationToken"/>.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var listener in _listeners.Values)
            listener.StopAccepting();
        await _server.StopAsync(cancellationToken);
        foreach (var listener in _listeners.Values)
            listener.EndBytes();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var listener in _listeners.Values)
            await listener.DisposeAsync();
        await _server.DisposeAsync();
        _connections.Dispose();
    }
}
