using Microsoft.Extensions.Logging;

namespace MeshOperator.Kubernetes;

/// <summary>All that this project logs.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "The watched version of {Resource} is too old; listing again: {Reason}")]
    public static partial void VersionTooOld(ILogger logger, string resource, string reason);

    [LoggerMessage(2, LogLevel.Warning, "Watching {Resource} failed; retrying in {Seconds:0.0} s")]
    public static partial void WatchFailed(ILogger logger, Exception exception, string resource, double seconds);

    [LoggerMessage(3, LogLevel.Error, "Reconciling {Kind} {Key} failed; retrying")]
    public static partial void ReconcileFailed(ILogger logger, Exception? exception, string kind, object key);

    [LoggerMessage(4, LogLevel.Warning, "Reconciling {Kind} {Key} failed; retrying: {Reason}")]
    public static partial void ReconcileRefused(ILogger logger, string kind, object key, string reason);

    [LoggerMessage(5, LogLevel.Information, "{Identity} is the leader (lease {Lease})")]
    public static partial void Leading(ILogger logger, string identity, string lease);

    [LoggerMessage(6, LogLevel.Warning, "{Identity} is no longer the leader (lease {Lease})")]
    public static partial void LostLeadership(ILogger logger, string identity, string lease);

    [LoggerMessage(7, LogLevel.Warning, "The lease {Lease} could not be read or written")]
    public static partial void LeaseFailed(ILogger logger, Exception exception, string lease);

    [LoggerMessage(8, LogLevel.Error, "The admission webhook {Path} failed")]
    public static partial void WebhookFailed(ILogger logger, Exception exception, string path);

    [LoggerMessage(9, LogLevel.Warning, "The admission webhook {Path} received a request that it cannot read: {Reason}")]
    public static partial void WebhookMalformed(ILogger logger, string path, string reason);

    [LoggerMessage(10, LogLevel.Warning, "The server ended the watch of {Resource} at once; retrying in {Seconds:0.0} s")]
    public static partial void WatchEndedEarly(ILogger logger, string resource, double seconds);

    [LoggerMessage(11, LogLevel.Warning, "The server sent invalid data for {Resource}; listing again in {Seconds:0.0} s: {Reason}")]
    public static partial void WatchMalformed(ILogger logger, string resource, string reason, double seconds);

    [LoggerMessage(12, LogLevel.Error, "The object {Key} of {Resource} does not match its type; its last known version is kept: {Reason}")]
    public static partial void UnreadableObject(ILogger logger, string resource, string key, string reason);

    [LoggerMessage(13, LogLevel.Error, "A subscriber of {Resource} failed on {Key}")]
    public static partial void SubscriberFailed(ILogger logger, Exception exception, string resource, string key);

    [LoggerMessage(14, LogLevel.Information, "{Identity} gives up leadership because it is shutting down (lease {Lease})")]
    public static partial void ReleasedLeadership(ILogger logger, string identity, string lease);

    [LoggerMessage(15, LogLevel.Warning, "Reconciling {Kind} {Key} took longer than {Seconds:0} s and was cancelled; retrying")]
    public static partial void ReconcileTimedOut(ILogger logger, string kind, object key, double seconds);

    [LoggerMessage(16, LogLevel.Warning, "Reconciliations of {Kind} did not end within {Seconds:0} s of the shutdown and are cancelled")]
    public static partial void StopOverdue(ILogger logger, string kind, double seconds);

    [LoggerMessage(17, LogLevel.Information, "Finalizer {Finalizer} of {Kind} {Key} is done and detached")]
    public static partial void Finalized(ILogger logger, string finalizer, string kind, object key);

    [LoggerMessage(18, LogLevel.Warning, "The admission webhook {Path} did not answer within {Seconds:0.0} s")]
    public static partial void WebhookTimedOut(ILogger logger, string path, double seconds);
}
