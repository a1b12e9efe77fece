namespace MeshOperator.Api;

/// <summary>The conditions that statuses have.</summary>
public static class ConditionTypes
{
    /// <summary>The object is valid and no other object takes precedence over all of it. The operator acts on it.</summary>
    public const string Accepted = "Accepted";

    /// <summary>Policies: everything that the policy refers to exists and can do what the policy asks. A policy with an unresolved
    /// reference is still in effect for the rest.</summary>
    public const string ResolvedRefs = "ResolvedRefs";

    /// <summary>Policies: every proxy that the policy applies to has acknowledged this generation of it.</summary>
    public const string Programmed = "Programmed";

    /// <summary>TrafficSplits with a gradual shift: the traffic is where the shift wants it now. True also while a step is judged or
    /// something is waited for, which may take days.</summary>
    public const string Ready = "Ready";

    /// <summary>TrafficSplits with a gradual shift, and only while it is so: a step is on its way to the proxies.</summary>
    public const string Reconciling = "Reconciling";

    /// <summary>TrafficSplits with a gradual shift, and only while it is so: a person is needed for it to go on.</summary>
    public const string Stalled = "Stalled";

    /// <summary>MeshCertificateAuthority: a rotation is in flight.</summary>
    public const string Progressing = "Progressing";

    /// <summary>MeshCertificateAuthority: a certificate that the mesh depends on expires within 30 days, or within a third of its lifetime
    /// if that is shorter.</summary>
    public const string ExpiringSoon = "ExpiringSoon";

    /// <summary>MeshCertificateAuthority: the clocks of the operator and of the API server differ by at most two minutes.</summary>
    public const string ClocksAgree = "ClocksAgree";
}

/// <summary>Where a reason occurs.</summary>
/// <param name="type">The condition, one of <see cref="ConditionTypes"/>.</param>
/// <param name="status">The condition's status: True, False or Unknown.</param>
[AttributeUsage(AttributeTargets.Field, AllowMultiple = true)]
public sealed class ConditionAttribute(string type, string status) : Attribute
{
    /// <summary>The condition.</summary>
    public string Type { get; } = type;

    /// <summary>Its status.</summary>
    public string Status { get; } = status;
}
