using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>Which pods a selector selects.</summary>
internal static class PodSelection
{
    public static bool Selects(this PodLabelSelector selector, PodRecord pod) =>
        selector.MatchLabels.All(label => pod.Labels.Contains(label));

    public static bool IsSame(this PodLabelSelector selector, PodLabelSelector other) =>
        selector.MatchLabels.Count == other.MatchLabels.Count && selector.MatchLabels.All(label => other.MatchLabels.Contains(label));
}
