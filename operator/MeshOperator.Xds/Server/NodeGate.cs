using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Envoy.Config.Core.V3;
using Grpc.Core;
using Microsoft.Extensions.Options;

namespace MeshOperator.Xds.Server;

/// <summary>Lets in the nodes that are who they say they are; the others are refused, counted and logged.</summary>
internal sealed class NodeGate(
    INodeAuthenticator authenticator,
    Refusals refusals,
    XdsMetrics metrics,
    IOptions<XdsServerOptions> options,
    TimeProvider time
)
{
    private const int MaxNodeIdLength = 320;

    /// <summary>How many streams wait, of each method apart: a proxy opens one for its configuration and one for load reports.</summary>
    private readonly ConcurrentDictionary<string, StrongBox<int>> _waiting = new(StringComparer.Ordinal);

    /// <summary>The id of a node as its first request has it.</summary>
    /// <exception cref="RpcException">It has none, or a very long one.</exception>
    public string ReadId(ServerCallContext call, Node? node)
    {
        if (node is null)
            throw Refuse(call, string.Empty, StatusCode.InvalidArgument, RefusalReason.BadRequest, "The first request must have a node.");
        return node.Id.Length <= MaxNodeIdLength
            ? node.Id
            : throw Refuse(
                call,
                string.Empty,
                StatusCode.InvalidArgument,
                RefusalReason.BadRequest,
                $"The node id has more than {MaxNodeIdLength} characters."
            );
    }

    /// <summary>Finds out whether a client is the node that it says it is.</summary>
    /// <exception cref="RpcException">It is not, or that cannot be found out now.</exception>
    public async Task<NodeAuthentication> AuthenticateAsync(ServerCallContext call, string nodeId, CancellationToken cancellation)
    {
        var waiting = _waiting.GetOrAdd(call.Method, _ => new StrongBox<int>());
        if (Interlocked.Increment(ref waiting.Value) > options.Value.MaxWaitingStreams)
        {
            Interlocked.Decrement(ref waiting.Value);
            throw SendAway(call, nodeId);
        }

        metrics.WaitBegun();
        try
        {
            return await DecideAsync(call, nodeId, cancellation);
        }
        finally
        {
            Interlocked.Decrement(ref waiting.Value);
            metrics.WaitEnded();
        }
    }

    /// <summary>Notes a refusal and makes the exception that ends the stream.</summary>
    public RpcException Refuse(ServerCallContext call, string nodeId, StatusCode status, RefusalReason why, string reason) =>
        refusals.Refuse(call.Peer, nodeId, status, why, reason);

    private RpcException SendAway(ServerCallContext call, string nodeId)
    {
        call.GetHttpContext().Connection.RequestClose();
        return Refuse(
            call,
            nodeId,
            StatusCode.Unavailable,
            RefusalReason.Busy,
            $"More than {options.Value.MaxWaitingStreams} streams wait to be authenticated; reconnect."
        );
    }

    private async Task<NodeAuthentication> DecideAsync(ServerCallContext call, string nodeId, CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(options.Value.AuthenticationTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        NodeAuthentication authentication;
        try
        {
            authentication = await authenticator.AuthenticateAsync(call, nodeId, either.Token);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            throw Refuse(
                call,
                nodeId,
                StatusCode.Unavailable,
                RefusalReason.Unavailable,
                $"The identity of {nodeId} could not be checked within {options.Value.AuthenticationTimeout}."
            );
        }

        return authentication.Status is StatusCode.OK
            ? authentication
            : throw Refuse(call, nodeId, authentication.Status, authentication.Why, authentication.Reason);
    }
}
