using Microsoft.Extensions.Logging;

namespace MeshOperator.LocalCluster;

/// <summary>All log messages of the local cluster.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "The API server listens on {Address}")]
    public static partial void Listening(this ILogger logger, Uri address);

    [LoggerMessage(2, LogLevel.Error, "{Method} {Path} failed")]
    public static partial void RequestFailed(this ILogger logger, Exception exception, string method, string path);

    [LoggerMessage(
        3,
        LogLevel.Information,
        "CustomResourceDefinitions have x-kubernetes-validations, {Name} the first; CEL rules are not evaluated here, only schemas "
            + "and webhooks"
    )]
    public static partial void RulesNotEvaluated(this ILogger logger, string name);

    [LoggerMessage(4, LogLevel.Error, "Controller {Controller} failed on {Key}; it is tried again in {Delay}")]
    public static partial void ReconcileFailed(this ILogger logger, Exception exception, string controller, string key, TimeSpan delay);

    [LoggerMessage(5, LogLevel.Debug, "Controller {Controller} could not finish {Key}: {Reason}; it is tried again in {Delay}")]
    public static partial void ReconcilePostponed(this ILogger logger, string controller, string key, string reason, TimeSpan delay);

    [LoggerMessage(6, LogLevel.Warning, "Admission webhook {Webhook} failed and is ignored: {Reason}")]
    public static partial void WebhookIgnored(this ILogger logger, string webhook, string reason);

    [LoggerMessage(
        7,
        LogLevel.Warning,
        "{Configuration} has matchConditions; CEL is not evaluated here, so its webhooks are called as if they matched"
    )]
    public static partial void ConditionsNotEvaluated(this ILogger logger, string configuration);
}
