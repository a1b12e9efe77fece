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

    /// <summary>It is a proxy of the mesh. When its workload is not known yet it is waited for.</summary>
    public static NodeAuthentication Accepted { get; } = new(StatusCode.OK, "");

    /// <summary>It may look on: when its workload is not known it is served the shared configuration, without an identity.</summary>
    public static NodeAuthentication AcceptedAsGuest { get; } = new(StatusCode.OK, "") { IsGuest = true };

    /// <summary><see cref="StatusCode.OK"/>, or the status with which the stream is ended.</summary>
    public StatusCode Status { get; }

    /// <summary>Whether it is served without being a known workload.</summary>
    public bool IsGuest { get; private init; }

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
