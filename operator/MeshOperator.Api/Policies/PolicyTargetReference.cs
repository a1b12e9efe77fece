using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>Refers to an object of the same namespace that a policy applies to.</summary>
public sealed class PolicyTargetReference
{
    /// <summary>The object's API group, as in policies of the Gateway API: empty for a Service, <c>meshoperator.io</c> for a TrafficSplit.
    /// It follows from the kind and can be omitted.</summary>
    [Length(0, 253)]
    public string? Group { get; set; }

    /// <summary>The object's kind.</summary>
    [Required]
    public PolicyTargetKind Kind { get; set; }

    /// <summary>The object's name.</summary>
    [Required]
    [Length(1, 253)]
    public string Name { get; set; } = string.Empty;

    /// <summary>The name of a Service's port, or of a TrafficSplit's rule. If omitted, the policy applies to the whole object.</summary>
    [Length(1, 253)]
    public string? SectionName { get; set; }
}

/// <summary>Kinds that a policy can apply to.</summary>
public enum PolicyTargetKind
{
    /// <summary>All requests to a service.</summary>
    Service,

    /// <summary>The requests that a TrafficSplit routes.</summary>
    TrafficSplit,
}
