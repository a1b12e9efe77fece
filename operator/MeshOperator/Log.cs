namespace MeshOperator;

/// <summary>All that the host logs.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "The Secret {Secret} of the certificate authority could not be read or created; retrying")]
    public static partial void AuthorityUnavailable(ILogger logger, Exception exception, string secret);

    [LoggerMessage(2, LogLevel.Information, "Created a certificate authority in Secret {Secret}")]
    public static partial void AuthorityCreated(ILogger logger, string secret);

    [LoggerMessage(3, LogLevel.Information, "All {Count} informers are synced")]
    public static partial void Synced(ILogger logger, int count);

    [LoggerMessage(
        4,
        LogLevel.Debug,
        "Translated {Services} services and {Workloads} workloads for {Streams} streams in {Milliseconds:0.0} ms"
    )]
    public static partial void Translated(ILogger logger, int services, int workloads, int streams, double milliseconds);

    [LoggerMessage(5, LogLevel.Error, "The cluster's state could not be translated; proxies keep what they have")]
    public static partial void TranslationFailed(ILogger logger, Exception exception);

    [LoggerMessage(
        44,
        LogLevel.Error,
        "The translation fails on {Objects}, which are left out until they change: their versions before stay in effect. Report this with "
            + "the exception above"
    )]
    public static partial void ObjectsHeld(ILogger logger, string objects);

    [LoggerMessage(6, LogLevel.Information, "Injected the sidecar into pod {Pod} of namespace {Namespace}")]
    public static partial void Injected(ILogger logger, string pod, string @namespace);

    [LoggerMessage(7, LogLevel.Debug, "Did not inject the sidecar into pod {Pod} of namespace {Namespace}: {Reason}")]
    public static partial void NotInjected(ILogger logger, string pod, string @namespace, string reason);

    [LoggerMessage(8, LogLevel.Information, "{Kind} {Namespace}/{Name}: {Condition} is {Status} ({Reason})")]
    public static partial void ConditionChanged(
        ILogger logger,
        string kind,
        string @namespace,
        string name,
        string condition,
        string status,
        string reason
    );

    [LoggerMessage(9, LogLevel.Warning, "The status of {Policy} could not be written; retrying")]
    public static partial void StatusFailed(ILogger logger, Exception exception, string policy);

    [LoggerMessage(10, LogLevel.Information, "Listening: xDS over TLS on {Xds}, webhooks on {Webhooks}, metrics on {Metrics}")]
    public static partial void Listening(ILogger logger, string xds, string webhooks, string metrics);

    [LoggerMessage(11, LogLevel.Warning, "A token could not be reviewed")]
    public static partial void TokenReviewFailed(ILogger logger, Exception exception);

    [LoggerMessage(12, LogLevel.Warning, "{Kind} {Name} cannot be read and is ignored: {Reason}")]
    public static partial void Unreadable(ILogger logger, string kind, string name, string reason);

    [LoggerMessage(13, LogLevel.Warning, "The event '{Reason}' for {Policy} could not be written")]
    public static partial void EventFailed(ILogger logger, Exception exception, string reason, string policy);

    [LoggerMessage(14, LogLevel.Information, "The mode of mutual TLS of {Workloads} workloads is being changed")]
    public static partial void RolloutPending(ILogger logger, int workloads);

    [LoggerMessage(15, LogLevel.Warning, "The version of the API server could not be read; retrying")]
    public static partial void VersionUnavailable(ILogger logger, Exception exception);

    [LoggerMessage(16, LogLevel.Information, "The API server has version {Version}")]
    public static partial void ServerVersion(ILogger logger, string version);

    [LoggerMessage(
        17,
        LogLevel.Warning,
        "There is no certificate authority yet; put it into Secret {Secret} as tls.crt, tls.key and ca.crt"
    )]
    public static partial void AuthorityMissing(ILogger logger, string secret);

    [LoggerMessage(18, LogLevel.Error, "A new state of the certificate authority was refused, and the present one stays in use: {Reason}")]
    public static partial void AuthorityRefused(ILogger logger, string reason);

    [LoggerMessage(19, LogLevel.Information, "The certificate authority is in phase {State}")]
    public static partial void AuthorityState(ILogger logger, string state);

    [LoggerMessage(20, LogLevel.Information, "Created a new root CA in Secret {Secret} (reason: {Reason})")]
    public static partial void RootMade(ILogger logger, string secret, string reason);

    [LoggerMessage(21, LogLevel.Warning, "Certificate authority reconciliation failed; retrying")]
    public static partial void RotationFailed(ILogger logger, Exception exception);

    [LoggerMessage(22, LogLevel.Warning, "The Lease that says that this replica is there could not be written; retrying")]
    public static partial void ReplicaLeaseFailed(ILogger logger, Exception exception);

    [LoggerMessage(
        24,
        LogLevel.Information,
        "TCP callers lost permissions on {Ports} ports of pods; open connections there are closed within 30 s"
    )]
    public static partial void Revoked(ILogger logger, int ports);

    [LoggerMessage(25, LogLevel.Warning, "The ports on which TCP callers lost permissions could not be stored; retrying")]
    public static partial void RevocationFailed(ILogger logger, Exception exception);

    [LoggerMessage(
        26,
        LogLevel.Error,
        "The ports on which TCP callers lost permissions are too many to store ({Ports} more); open connections there are not closed"
    )]
    public static partial void RevocationsTooMany(ILogger logger, int ports);

    [LoggerMessage(
        23,
        LogLevel.Warning,
        "{Kind} {Name}: annotation {Annotation}: the item '{Item}' is not one of service, namespace/service, namespace/*, ./* and *; "
            + "the annotation is ignored, and proxies are sent what they would be sent without it"
    )]
    public static partial void UpstreamsUnreadable(ILogger logger, string kind, string name, string annotation, string item);

    [LoggerMessage(27, LogLevel.Warning, "An event about the pod {Pod} could not be written: {Reason}")]
    public static partial void EventNotWritten(ILogger logger, string pod, string reason);

    [LoggerMessage(28, LogLevel.Warning, "Replica {Name} at {Address} does not report: {Reason}; retrying")]
    public static partial void ReplicaSilent(ILogger logger, string name, string address, string reason);

    [LoggerMessage(
        29,
        LogLevel.Error,
        "The API server has not answered for {Seconds:0} s, but answers another replica; this one sends its proxies to the others"
    )]
    public static partial void CutOff(ILogger logger, double seconds);

    [LoggerMessage(30, LogLevel.Information, "The API server answers again; this replica takes proxies again")]
    public static partial void Returned(ILogger logger);

    [LoggerMessage(31, LogLevel.Warning, "The steps of mutual TLS mode changes could not be stored; retrying")]
    public static partial void ModesFailed(ILogger logger, Exception exception);

    [LoggerMessage(
        32,
        LogLevel.Error,
        "The steps of mutual TLS mode changes are too many to store ({Workloads} workloads); other replicas do not follow them"
    )]
    public static partial void ModesTooMany(ILogger logger, int workloads);

    [LoggerMessage(40, LogLevel.Information, "The gradual shift {Rule} of TrafficSplit {Split} is {Phase}, {Shares}: {Reason}")]
    public static partial void ShiftMoved(ILogger logger, string split, string rule, string phase, string shares, string reason);

    [LoggerMessage(42, LogLevel.Warning, "A check of a gradual shift of TrafficSplit {Split} could not be asked")]
    public static partial void CheckFailed(ILogger logger, Exception exception, string split);

    [LoggerMessage(
        43,
        LogLevel.Warning,
        "The event {Type} of TrafficSplit {Split} was not sent to the address of --shift-events-url: {Reason}"
    )]
    public static partial void ShiftEventLost(ILogger logger, string type, string split, string reason);

    [LoggerMessage(41, LogLevel.Warning, "How far the gradual shifts of TrafficSplit {Split} are could not be written; retrying")]
    public static partial void ShiftFailed(ILogger logger, Exception exception, string split);

    [LoggerMessage(52, LogLevel.Debug, "How long requests of gradual shifts take could not be read from the proxy {Proxy}: {Reason}")]
    public static partial void LatenciesUnread(ILogger logger, string proxy, string reason);

    [LoggerMessage(50, LogLevel.Information, "The proxy of pod {Pod} has ended as ordered, after all other containers")]
    public static partial void ProxyEnded(ILogger logger, string pod);

    [LoggerMessage(51, LogLevel.Debug, "The proxy of pod {Pod} could not be ordered to end: {Reason}; retrying")]
    public static partial void ProxyOrderFailed(ILogger logger, string pod, string reason);

    [LoggerMessage(
        52,
        LogLevel.Warning,
        "The proxy of pod {Pod} could not be ordered to end, so the pod does not complete: {Reason}; it is not tried again"
    )]
    public static partial void ProxyKeepsRunning(ILogger logger, string pod, string reason);
}
