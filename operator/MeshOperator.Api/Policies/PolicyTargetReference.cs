using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>Names an object of the same namespace that a policy applies to.</summary>
public sealed class PolicyTargetReference
{
    /// <summary>What is named.</summary>
    [Required]
    public PolicyTargetKind Kind { get; set; }

    /// <summary>Its name.</summary>
    [Required]
    [Length(1, 253)]
    public string Name { get; set; } = string.Empty;

    /// <summary>Of a Service the port's name, of a TrafficSplit the rule's name; left out, the whole.</summary>
    [Length(1, 253)]
    public string? SectionName { get; set; }
}

/// <summary>Kinds that a policy can apply to.</summary>
public enum PolicyTargetKind
{
    /// <summary>All requests to a service.</summary>
    Service,

    /// <summary>The requests that a traffic split routes.</summary>
    TrafficSplit,
}
