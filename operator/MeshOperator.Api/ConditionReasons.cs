namespace MeshOperator.Api;

/// <summary>The reasons of conditions. The summary of each is what it means, the remarks are what to do about it; the reference page is
/// made of both.</summary>
public static class ConditionReasons
{
    /// <summary>The object is valid and in effect. The message names what to know about it, such as a policy that overrides part of
    /// it.</summary>
    /// <remarks>Nothing.</remarks>
    [Condition(ConditionTypes.Accepted, "True")]
    public const string Accepted = "Accepted";

    /// <summary>The object is invalid. It got past the schema and the webhook, for example because the webhook was unavailable. The last
    /// valid version stays in effect.</summary>
    /// <remarks>Correct the field that the message names.</remarks>
    [Condition(ConditionTypes.Accepted, "False")]
    public const string Invalid = "Invalid";

    /// <summary>The operator failed on this object, which is a fault of the operator. The version before stays in effect where there was
    /// one; all other objects are served.</summary>
    /// <remarks>Change or delete the object, and report it with the operator's log.</remarks>
    [Condition(ConditionTypes.Accepted, "False")]
    public const string TranslationFailed = "TranslationFailed";

    /// <summary>An older policy of the same kind has the same target. The older one is in effect. This policy still applies to its other
    /// targets.</summary>
    /// <remarks>Delete one of the two, or give them different targets.</remarks>
    [Condition(ConditionTypes.Accepted, "False")]
    public const string Conflicted = "Conflicted";

    /// <summary>A target does not exist. Under <c>Accepted</c>: none of the targets does, so the policy has no effect. Under
    /// <c>ResolvedRefs</c>: the policy is in effect for the targets that exist.</summary>
    /// <remarks>Correct the name, or create the Service or TrafficSplit.</remarks>
    [Condition(ConditionTypes.Accepted, "False")]
    [Condition(ConditionTypes.ResolvedRefs, "False")]
    public const string TargetNotFound = "TargetNotFound";

    /// <summary>All references are resolved.</summary>
    /// <remarks>Nothing.</remarks>
    [Condition(ConditionTypes.ResolvedRefs, "True")]
    public const string ResolvedRefs = "ResolvedRefs";

    /// <summary>A backend of a TrafficSplit does not exist. Its share is answered with status 500, or goes to the other backends with
    /// <c>onMissingBackend: Redistribute</c>.</summary>
    /// <remarks>Create the Service, or correct its name in the split.</remarks>
    [Condition(ConditionTypes.ResolvedRefs, "False")]
    public const string BackendNotFound = "BackendNotFound";

    /// <summary>A port that the policy names, or that a backend needs, does not exist.</summary>
    /// <remarks>Use one of the ports that the message lists.</remarks>
    [Condition(ConditionTypes.ResolvedRefs, "False")]
    public const string PortNotFound = "PortNotFound";

    /// <summary>The policy asks for something that the port's protocol does not have, for example paths on a TCP port.</summary>
    /// <remarks>Declare HTTP with <c>appProtocol</c> if the port carries HTTP, or remove that part of the policy.</remarks>
    [Condition(ConditionTypes.ResolvedRefs, "False")]
    public const string UnsupportedProtocol = "UnsupportedProtocol";

    /// <summary>Policies: a rule names an identity of another trust domain, which no caller has. MeshCertificateAuthority:
    /// <c>spec.trustDomain</c> is not the operator's.</summary>
    /// <remarks>Use the operator's trust domain, which the message names.</remarks>
    [Condition(ConditionTypes.ResolvedRefs, "False")]
    [Condition(ConditionTypes.Accepted, "False")]
    public const string TrustDomainMismatch = "TrustDomainMismatch";

    /// <summary>All traffic goes to the target of the gradual shift.</summary>
    /// <remarks>Nothing.</remarks>
    [Condition(ConditionTypes.Ready, "True")]
    public const string ShiftCompleted = "ShiftCompleted";

    /// <summary>A gradual shift goes on by itself, or waits for its time or an approval.</summary>
    /// <remarks>Nothing, or see <c>status.shifts</c> for what it waits for.</remarks>
    [Condition(ConditionTypes.Ready, "True")]
    public const string ShiftInProgress = "ShiftInProgress";

    /// <summary>A step of a gradual shift is on its way to the proxies.</summary>
    /// <remarks>Wait a few seconds. If it stays, see the proxies that <c>Programmed</c> names.</remarks>
    [Condition(ConditionTypes.Ready, "False")]
    [Condition(ConditionTypes.Reconciling, "True")]
    public const string StepPending = "StepPending";

    /// <summary>A gradual shift has stopped where it is, as a check failed or a proxy rejected the step.</summary>
    /// <remarks>Read why in <c>status.shifts</c>, then <c>meshop shift</c> resume, promote or abort.</remarks>
    [Condition(ConditionTypes.Ready, "False")]
    [Condition(ConditionTypes.Stalled, "True")]
    public const string ShiftHeld = "ShiftHeld";

    /// <summary>The traffic of a gradual shift went back to the other backends.</summary>
    /// <remarks>Read why in <c>status.shifts</c>, then <c>meshop shift restart</c>, or set another <c>revision</c> or target.</remarks>
    [Condition(ConditionTypes.Ready, "False")]
    [Condition(ConditionTypes.Stalled, "True")]
    public const string ShiftRolledBack = "ShiftRolledBack";

    /// <summary>All proxies that count have acknowledged this generation. A proxy that is not connected counts while its pod is ready and
    /// for 30 seconds after that.</summary>
    /// <remarks>Nothing.</remarks>
    [Condition(ConditionTypes.Programmed, "True")]
    public const string Programmed = "Programmed";

    /// <summary>No proxy has acknowledged this generation yet, connections of callers that lost a permission are still being closed, or the
    /// policy is not in effect (see <c>Accepted</c>).</summary>
    /// <remarks>Wait a few seconds. If it stays, see the proxies that the message names.</remarks>
    [Condition(ConditionTypes.Programmed, "False")]
    [Condition(ConditionTypes.Ready, "False")]
    public const string Pending = "Pending";

    /// <summary>Some proxies have acknowledged this generation. The others have not answered yet, are not connected, or rejected
    /// it.</summary>
    /// <remarks>Wait a few seconds. If it stays, see the proxies that the message names.</remarks>
    [Condition(ConditionTypes.Programmed, "False")]
    public const string PartiallyProgrammed = "PartiallyProgrammed";

    /// <summary>Proxies rejected the configuration, and none has acknowledged it. They keep the previous one.</summary>
    /// <remarks>Read the proxy's reason in the message. Check whether the sidecar's Envoy is older than the oldest supported release. If it
    /// is not, report a bug.</remarks>
    [Condition(ConditionTypes.Programmed, "False")]
    public const string Rejected = "Rejected";

    /// <summary>Other policies take precedence everywhere, so that nothing of this policy is in effect.</summary>
    /// <remarks>Delete this policy, or the more specific one that the message names.</remarks>
    [Condition(ConditionTypes.Programmed, "False")]
    public const string Overridden = "Overridden";

    /// <summary>The policy applies to no running pod with a proxy.</summary>
    /// <remarks>Nothing, if that is intended. Otherwise check that the pods are injected and that the selector or target is
    /// right.</remarks>
    [Condition(ConditionTypes.Programmed, "Unknown")]
    public const string NoProxies = "NoProxies";

    /// <summary><c>provider.secret</c> is set and there is no Secret <c>mesh-ca</c> in the operator's namespace. The present authority
    /// stays in use.</summary>
    /// <remarks>Create the Secret with <c>tls.crt</c>, <c>tls.key</c> and <c>ca.crt</c>.</remarks>
    [Condition(ConditionTypes.Accepted, "False")]
    public const string SecretNotFound = "SecretNotFound";

    /// <summary>The authority in Secret <c>mesh-ca</c> cannot be used. The message states why. The present authority stays in
    /// use.</summary>
    /// <remarks>Replace the Secret's content.</remarks>
    [Condition(ConditionTypes.Accepted, "False")]
    public const string InvalidSecret = "InvalidSecret";

    /// <summary><c>provider.selfSigned</c> is set, but Secret <c>mesh-ca</c> was not created by the operator.</summary>
    /// <remarks>Delete the Secret to have the operator create one, or set <c>provider.secret</c>.</remarks>
    [Condition(ConditionTypes.Accepted, "False")]
    public const string SecretIsNotOurs = "SecretIsNotOurs";

    /// <summary>A rotation was requested, but the operator does not have the key of the root.</summary>
    /// <remarks>Put the new authority into Secret <c>mesh-ca</c>. The operator rotates to it.</remarks>
    [Condition(ConditionTypes.Accepted, "False")]
    public const string RotationNotPossible = "RotationNotPossible";

    /// <summary>No rotation is in flight.</summary>
    /// <remarks>Nothing.</remarks>
    [Condition(ConditionTypes.Progressing, "False")]
    public const string Stable = "Stable";

    /// <summary>Step 1 of 3: proxies learn to trust the new root beside the old one.</summary>
    /// <remarks>Wait. If it stays, <c>status.holding</c> names the proxies that block it.</remarks>
    [Condition(ConditionTypes.Progressing, "True")]
    public const string DistributingTrust = "DistributingTrust";

    /// <summary>Step 2 of 3: proxies get certificates that the new authority signs.</summary>
    /// <remarks>Wait. If it stays, <c>status.holding</c> names the proxies that block it.</remarks>
    [Condition(ConditionTypes.Progressing, "True")]
    public const string Signing = "Signing";

    /// <summary>Step 3 of 3: proxies stop trusting the old root.</summary>
    /// <remarks>Wait. If it stays, <c>status.holding</c> names the proxies that block it.</remarks>
    [Condition(ConditionTypes.Progressing, "True")]
    public const string Retiring = "Retiring";

    /// <summary>No certificate that the mesh depends on is near its end.</summary>
    /// <remarks>Nothing.</remarks>
    [Condition(ConditionTypes.ExpiringSoon, "False")]
    public const string NotExpiring = "NotExpiring";

    /// <summary>A certificate expires within 30 days, or within a third of its lifetime.</summary>
    /// <remarks>Run <c>meshop ca rotate</c>, or put a new authority into Secret <c>mesh-ca</c> if it is your own.</remarks>
    [Condition(ConditionTypes.ExpiringSoon, "True")]
    public const string ExpiresWithin30Days = "ExpiresWithin30Days";

    /// <summary>A certificate expires within 7 days, or within a tenth of its lifetime.</summary>
    /// <remarks>As above, today.</remarks>
    [Condition(ConditionTypes.ExpiringSoon, "True")]
    public const string ExpiresWithin7Days = "ExpiresWithin7Days";

    /// <summary>A certificate has expired.</summary>
    /// <remarks>As above, now. The next authority signs at once, in any phase of a rotation.</remarks>
    [Condition(ConditionTypes.ExpiringSoon, "True")]
    public const string Expired = "Expired";

    /// <summary>The clocks agree.</summary>
    /// <remarks>Nothing.</remarks>
    [Condition(ConditionTypes.ClocksAgree, "True")]
    public const string ClocksAgree = "ClocksAgree";

    /// <summary>The clocks differ by more than two minutes. Valid certificates can look expired or not yet valid.</summary>
    /// <remarks>Correct the clocks of the nodes.</remarks>
    [Condition(ConditionTypes.ClocksAgree, "False")]
    public const string ClocksDisagree = "ClocksDisagree";
}
