using System.Text.Json.Nodes;
using MeshOperator.Output;

namespace MeshOperator.Checks.Installation;

/// <summary>Whether Helm may upgrade the CRDs: it does not touch objects that belong to no release, or to another one.</summary>
internal static class AdoptionCheck
{
    /// <param name="stored">The CRDs in the cluster.</param>
    /// <param name="release">The name of the release.</param>
    /// <param name="ns">The release's namespace.</param>
    public static Finding? Find(IReadOnlyDictionary<string, JsonObject> stored, string release, string ns)
    {
        if (stored.Count == 0)
            return null;
        var foreign = stored.Where(crd => !IsOwned(crd.Value["metadata"], release, ns)).Select(crd => crd.Key).ToList();
        return foreign.Count == 0
            ? Finding.Ok(CheckNames.Adoption, $"the CRDs belong to the release {release}")
            : Finding.Error(
                CheckNames.Adoption,
                $"Helm refuses to upgrade {Names.Join(foreign)}, which the release {release} does not own; give them to it: "
                    + CrdOwnership.Command(release, ns)
            );
    }

    private static bool IsOwned(JsonNode? metadata, string release, string ns) =>
        (string?)metadata?["labels"]?["app.kubernetes.io/managed-by"] == "Helm"
        && (string?)metadata?["annotations"]?["meta.helm.sh/release-name"] == release
        && (string?)metadata?["annotations"]?["meta.helm.sh/release-namespace"] == ns;
}
