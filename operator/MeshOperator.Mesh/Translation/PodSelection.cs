using MeshOperator.Api.V1Alpha1;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Which pods a selector selects.</summary>
internal static class PodSelection
{
    public static bool Selects(this PodLabelSelector selector, PodRecord pod) => selector.MatchLabels.All(label => pod.Labels.Contains(label));
}
