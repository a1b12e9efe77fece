using System.Buffers;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using MeshOperator.Proxy.Filters;
using MeshOperator.Proxy.Routing;
using MeshOperator.Proxy.Upstream;

namespace MeshOperator.Proxy.Listeners;

/// <summary>Says which protocols are offered to servers in place of those of the cluster.</summary>
internal sealed record OfferedProtocols(IReadOnlyList<string> Names);

/// <summary>Passes the bytes of connections on.</summary>
internal sealed class ByteChain(IReadOnlyList<Func<object?>> steps, ChainFactory stores)
{
    private const int BufferSize = 16 * 1024;

    /// <summary>Passes a connection on until one end is done.</summary>
    public async Task RunAsync(ProxiedConnection connection)
    {
        var found = steps.Select(step => step()).ToList();
        var rules = found.OfType<ConnectionAccess>().ToList();
        if (found.OfType<TcpTarget>().LastOrDefault() is not { } target || found.Contains(null) || !Lets(rules, connection))
            return;
        if (
            stores.Clusters.Find(target.Choose()) is not { } cluster
            || cluster.Choose(target.HashesClient ? FindHash(connection) : null, [], null) is not { } host
            || !cluster.Breaker.TryBeginConnection()
        )
            return;
        host.Begin();
        try
        {
            List<SslApplicationProtocol>? protocols = found.OfType<OfferedProtocols>().LastOrDefault() is { } offered
                ? [.. offered.Names.Select(name => new SslApplicationProtocol(name))]
                : null;
            await using var server = await cluster
                .GetTransport(host)
                .ConnectAsync(host.Address, host.Port, protocols, CancellationToken.None);
            cluster.Answered(host, 200, _ => null);
            await RelayAsync(connection, server, rules.FindAll(rule => rule.IsContinuous), target.IdleTimeout);
        }
        catch (UpstreamConnectException)
        {
            cluster.Failed(host);
        }
        finally
        {
            host.End();
            cluster.Breaker.EndConnection();
        }
    }

    private static ulong? FindHash(ProxiedConnection connection) =>
        connection.Transport.RemoteEndPoint is IPEndPoint client ? HashKey.Hash(client.Address.ToString()) : null;

    private bool Lets(List<ConnectionAccess> rules, ProxiedConnection connection)
    {
        foreach (var rule in rules)
        {
            if (rule.WouldLet(connection.Caller) is { } would)
                stores.Statistics.Count(
                    "tcp",
                    connection.Chain.Name,
                    $"rbac_{rule.ShadowPrefix}{(would ? "shadow_allowed" : "shadow_denied")}"
                );
        }

        var isAllowed = rules.TrueForAll(rule => rule.Lets(connection.Caller, stores.Runtime));
        if (!isAllowed)
            stores.Statistics.Count("tcp", connection.Chain.Name, "rbac_denied");
        return isAllowed;
    }

    /// <summary>Copies both ways. When one end has said all, the other may go on; when one fails, both end.</summary>
    private async Task RelayAsync(ProxiedConnection connection, Stream server, List<ConnectionAccess> continuous, TimeSpan? idleTimeout)
    {
        using var ended = new CancellationTokenSource(idleTimeout ?? Timeout.InfiniteTimeSpan, stores.Time);
        Action touch = idleTimeout is { } idle ? () => ended.CancelAfter(idle) : () => { };
        var input = connection.Transport.Transport.Input;
        var output = connection.Transport.Transport.Output;
        var sent = GuardedAsync(async () =>
        {
            while (true)
            {
                var result = await input.ReadAsync(ended.Token);
                if (!result.Buffer.IsEmpty && !Lets(continuous, connection))
                    throw new IOException("The client may no longer do this.");
                foreach (var part in result.Buffer)
                    await server.WriteAsync(part, ended.Token);
                await server.FlushAsync(ended.Token);
                input.AdvanceTo(result.Buffer.End);
                touch();
                if (result.IsCompleted)
                    break;
            }

            await FinishAsync(server);
        });
        var received = GuardedAsync(async () =>
        {
            var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
            try
            {
                while (await server.ReadAsync(buffer, ended.Token) is > 0 and var count)
                {
                    touch();
                    await output.WriteAsync(buffer.AsMemory(0, count), ended.Token);
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }

            await output.CompleteAsync();
        });
        await received;
        await ended.CancelAsync();
        await sent;

        async Task GuardedAsync(Func<Task> copy)
        {
            try
            {
                await copy();
            }
            catch (Exception exception)
                when (exception
                        is IOException
                            or OperationCanceledException
                            or AuthenticationException
                            or InvalidOperationException
                            or System.Net.Sockets.SocketException
                )
            {
                await ended.CancelAsync();
            }
        }
    }

    /// <summary>Says to the server that no more comes.</summary>
    private static async Task FinishAsync(Stream server)
    {
        if (server is SslStream secure)
            await secure.ShutdownAsync();
        else if (server is System.Net.Sockets.NetworkStream plain)
            plain.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
    }
}
