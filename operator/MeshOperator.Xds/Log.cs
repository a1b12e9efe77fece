using Microsoft.Extensions.Logging;

namespace MeshOperator.Xds;

/// <summary>All log messages of this project.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Proxy {NodeId} connected from {Address} over {Mode} xDS as {Agent}")]
    public static partial void ProxyConnected(this ILogger logger, string nodeId, string address, string mode, string agent);

    [LoggerMessage(2, LogLevel.Information, "The stream of proxy {NodeId} ended: {Reason}")]
    public static partial void ProxyDisconnected(this ILogger logger, string nodeId, string reason);

    [LoggerMessage(3, LogLevel.Warning, "Refused a client from {Address} that calls itself {NodeId}: {Reason}")]
    public static partial void ClientRefused(this ILogger logger, string address, string nodeId, string reason);

    [LoggerMessage(4, LogLevel.Warning, "Proxy {NodeId} rejected {Type} version {Version}: {Reason}")]
    public static partial void ResponseRejected(this ILogger logger, string nodeId, string type, string version, string reason);

    [LoggerMessage(5, LogLevel.Debug, "Sent {NodeId} {Count} {Type} resources, {Removed} removed, version {Version}, nonce {Nonce}")]
    public static partial void ResponseSent(
        this ILogger logger,
        string nodeId,
        int count,
        string type,
        int removed,
        string version,
        string nonce
    );

    [LoggerMessage(6, LogLevel.Debug, "Proxy {NodeId} requests {TypeUrl}, which is not served")]
    public static partial void UnknownType(this ILogger logger, string nodeId, string typeUrl);

    [LoggerMessage(7, LogLevel.Error, "No certificate for {SpiffeId}, for which proxy {NodeId} is waiting; retrying in {Delay}")]
    public static partial void IdentityFailed(this ILogger logger, Exception exception, string spiffeId, string nodeId, TimeSpan delay);

    [LoggerMessage(8, LogLevel.Error, "An ADS stream from {Address} failed")]
    public static partial void StreamFailed(this ILogger logger, Exception exception, string address);

    [LoggerMessage(9, LogLevel.Warning, "Refused {Count} more clients within the last {Window}")]
    public static partial void ClientsRefused(this ILogger logger, int count, TimeSpan window);
}
