using Microsoft.Extensions.Logging;

namespace MeshOperator.Proxy;

/// <summary>All log messages of this project.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Proxy {NodeId} connected to {Address}")]
    public static partial void Connected(this ILogger logger, string nodeId, string address);

    [LoggerMessage(9, LogLevel.Information, "The stream of proxy {NodeId} from {Address} ended, it connects again in {Delay}: {Reason}")]
    public static partial void Disconnected(this ILogger logger, string nodeId, string address, TimeSpan delay, string reason);

    [LoggerMessage(2, LogLevel.Warning, "Proxy {NodeId} cannot connect to {Address} and retries in {Delay}: {Reason}")]
    public static partial void CannotConnect(this ILogger logger, string nodeId, string address, TimeSpan delay, string reason);

    [LoggerMessage(3, LogLevel.Warning, "Proxy {NodeId} rejected a configuration: {Reason}")]
    public static partial void Rejected(this ILogger logger, string nodeId, string reason);

    [LoggerMessage(4, LogLevel.Debug, "Proxy {NodeId} accepted {Count} {Type} resources, {Removed} removed")]
    public static partial void Accepted(this ILogger logger, string nodeId, int count, string type, int removed);

    [LoggerMessage(5, LogLevel.Information, "Proxy {NodeId} listens at {Address} for {Listener}")]
    public static partial void Listening(this ILogger logger, string nodeId, string address, string listener);

    [LoggerMessage(6, LogLevel.Warning, "Proxy {NodeId} cannot listen at {Address} for {Listener}: {Reason}")]
    public static partial void CannotListen(this ILogger logger, string nodeId, string address, string listener, string reason);

    [LoggerMessage(7, LogLevel.Debug, "A connection to {Listener} ended: {Reason}")]
    public static partial void ConnectionEnded(this ILogger logger, string listener, string reason);

    [LoggerMessage(8, LogLevel.Warning, "A request at {Listener} failed")]
    public static partial void RequestFailed(this ILogger logger, Exception exception, string listener);
}
