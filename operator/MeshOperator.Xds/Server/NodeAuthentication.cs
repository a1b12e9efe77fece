using Grpc.Core;

namespace MeshOperator.Xds.Server;

/// <summary>Decides whether a client is the node that it says it is. The host implements it.</summary>
public interface INodeAuthenticator
{
    /// <summary>Called once a stream, with its first request. <c>context.GetHttpContext()</c> tells on which port and with which
    /// certificate or token the client came.</summary>
    ValueTask<NodeAuthentication> AuthenticateAsync(ServerCallContext context, string nodeId, CancellationToken cancellationToken);
}

/// <summary>The answer to whether a client is the node that it says it is.</summary>
public sealed record NodeAuthentication
{
    private NodeAuthentication(StatusCode status, string reason)
    {
        Status = status;
        Reason = reason;
    }

    /// <summary>It is.</summary>
    public static NodeAuthentication Accepted { get; } = new(StatusCode.OK, "");

    /// <summary><see cref="StatusCode.OK"/>, or the status with which the stream is ended.</summary>
    public StatusCode Status { get; }

    /// <summary>Why it was refused; sent to the client and logged.</summary>
    public string Reason { get; }

    /// <summary>It is not, or that cannot be told now.</summary>
    public static NodeAuthentication Refused(StatusCode status, string reason) => status is StatusCode.OK
        ? throw new ArgumentOutOfRangeException(nameof(status), "A refusal cannot have the status OK.")
        : new NodeAuthentication(status, reason);
}

/// <summary>Accepts every client: for a loopback port.</summary>
public sealed class AcceptAllNodes : INodeAuthenticator
{
    /// <inheritdoc/>
    public ValueTask<NodeAuthentication> AuthenticateAsync(ServerCallContext context, string nodeId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(NodeAuthentication.Accepted);
}
