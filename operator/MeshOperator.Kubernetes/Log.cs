using Microsoft.Extensions.Logging;

namespace MeshOperator.Kubernetes;

/// <summary>All that this project logs.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "The version of {Resource} that was watched is too old, listing again: {Reason}")]
    public static partial void VersionTooOld(ILogger logger, string resource, string reason);

    [LoggerMessage(2, LogLevel.Warning, "Watching {Resource} failed, trying again in {Seconds:0.0} s")]
    public static partial void WatchFailed(ILogger logger, Exception exception, string resource, double seconds);

    [LoggerMessage(3, LogLevel.Error, "Reconciling {Kind} {Key} failed, trying again")]
    public static partial void ReconcileFailed(ILogger logger, Exception? exception, string kind, object key);

    [LoggerMessage(4, LogLevel.Warning, "Reconciling {Kind} {Key} failed, trying again: {Reason}")]
    public static partial void ReconcileRefused(ILogger logger, string kind, object key, string reason);

    [LoggerMessage(5, LogLevel.Information, "{Identity} leads (lease {Lease})")]
    public static partial void Leading(ILogger logger, string identity, string lease);

    [LoggerMessage(6, LogLevel.Warning, "{Identity} no longer leads (lease {Lease})")]
    public static partial void LostLeadership(ILogger logger, string identity, string lease);

    [LoggerMessage(7, LogLevel.Warning, "The lease {Lease} could not be read or written")]
    public static partial void LeaseFailed(ILogger logger, Exception exception, string lease);

    [LoggerMessage(8, LogLevel.Error, "The admission webhook {Path} failed")]
    public static partial void WebhookFailed(ILogger logger, Exception exception, string path);

    [LoggerMessage(9, LogLevel.Warning, "The admission webhook {Path} was sent what it cannot read: {Reason}")]
    public static partial void WebhookMalformed(ILogger logger, string path, string reason);
}
