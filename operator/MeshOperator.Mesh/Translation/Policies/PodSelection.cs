using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>Which pods a selector selects.</summary>
internal static class PodSelection
{
    public static bool Selects(this PodLabelSelector selector, PodRecord pod) =>
        selector.MatchLabels.All(label => pod.Labels.Contains(label));

    /// <summary>The same for selectors that require the same labels; neither character can be in a label.</summary>
    public static string ToText(this PodLabelSelector selector) =>
        string.Join(
            ',',
            selector.MatchLabels.OrderBy(label => label.Key, StringComparer.Ordinal).Select(label => $"{label.Key}={label.Value}")
        );
}
