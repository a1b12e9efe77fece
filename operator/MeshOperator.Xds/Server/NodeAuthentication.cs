using Grpc.Core;

namespace MeshOperator.Xds.Server;

/// <summary>Decides whether a client is the node that it says it is. The host implements it.</summary>
public interface INodeAuthenticator
{
    /// <summary>Called once a stream, with its first request. <c>context.GetHttpContext()</c> has the port on which
    /// the client came, and its certificate or token.</summary>
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

    /// <summary>It is a proxy of the mesh that may have one identity only.</summary>
    /// <param name="namespace">Its namespace.</param>
    /// <param name="serviceAccount">Its service account: it is given no identity of another one.</param>
    /// <param name="revoked">Cancelled when the proxy is to be cut off, as its pod was deleted.</param>
    public static NodeAuthentication AcceptedAs(string @namespace, string serviceAccount, CancellationToken revoked) =>
        new(StatusCode.OK, "") { IdentityPath = $"/ns/{@namespace}/sa/{serviceAccount}", Revoked = revoked };

    /// <summary><see cref="StatusCode.OK"/>, or the status with which the stream is ended.</summary>
    public StatusCode Status { get; }

    /// <summary>Whether it is served without being a known workload.</summary>
    public bool IsGuest { get; private init; }

    /// <summary>Why it was refused; sent to the client and logged.</summary>
    public string Reason { get; }

    /// <summary>Why it was refused, for metrics.</summary>
    public RefusalReason Why { get; private init; }

    /// <summary>Cancelled when a proxy that was accepted is to be cut off.</summary>
    public CancellationToken Revoked { get; private init; }

    /// <summary>The path of the only SPIFFE identity that it may have; null when it may have any.</summary>
    private string? IdentityPath { get; init; }

    /// <summary>It is not, or that is not known now.</summary>
    /// <param name="status">Of the stream.</param>
    /// <param name="why">For metrics.</param>
    /// <param name="reason">For the client and the log: names nothing that the client does not know.</param>
    public static NodeAuthentication Refused(StatusCode status, RefusalReason why, string reason) =>
        status is StatusCode.OK
            ? throw new ArgumentOutOfRangeException(nameof(status), "A refusal cannot have the status OK.")
            : new NodeAuthentication(status, reason) { Why = why };

    /// <summary>Whether the client may be given an identity. What it is by the cluster's state may for a moment be that of a pod which had
    /// its name before.</summary>
    internal bool MayHave(string spiffeId) => IdentityPath is null || spiffeId.EndsWith(IdentityPath, StringComparison.Ordinal);
}
