using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>Selects pods by labels.</summary>
public sealed class PodLabelSelector
{
    /// <summary>Labels that a pod must have with these values.</summary>
    [Required]
    [Items(1, 32)]
    [Length(0, 63)]
    public Dictionary<string, string> MatchLabels { get; set; } = [];
}
