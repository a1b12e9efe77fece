using System.Net;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace MeshOperator.Proxy.Listeners;

/// <summary>An endpoint of the HTTP server that has no socket: connections are handed to it, once it is known what they are.</summary>
internal sealed class QueueEndPoint(string name) : EndPoint
{
    private readonly Channel<ConnectionContext> _connections = Channel.CreateUnbounded<ConnectionContext>();

    /// <summary>The connections that were handed over.</summary>
    public ChannelReader<ConnectionContext> Connections => _connections.Reader;

    /// <summary>Hands a connection over. False when no more are taken.</summary>
    public bool TryAdd(ConnectionContext connection) => _connections.Writer.TryWrite(connection);

    /// <summary>Takes no more.</summary>
    public void Close() => _connections.Writer.TryComplete();

    /// <inheritdoc/>
    public override string ToString() => name;
}

/// <summary>Gives the HTTP server the connections that are handed over.</summary>
internal sealed class QueueTransportFactory : IConnectionListenerFactory
{
    /// <inheritdoc/>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult<IConnectionListener>(new QueueListener((QueueEndPoint)endpoint));

    private sealed class QueueListener(QueueEndPoint endpoint) : IConnectionListener
    {
        public EndPoint EndPoint => endpoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (await endpoint.Connections.WaitToReadAsync(cancellationToken))
            {
                if (endpoint.Connections.TryRead(out var connection))
                    return connection;
            }

            return null;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            endpoint.Close();
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => UnbindAsync();
    }
}
