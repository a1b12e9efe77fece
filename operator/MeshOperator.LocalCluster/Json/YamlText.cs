using System.Text.Json;
using System.Text.Json.Nodes;
using MeshOperator.Kubernetes.Manifests;

namespace MeshOperator.LocalCluster.Json;

/// <summary>Reads one YAML document as the JSON it stands for.</summary>
internal static class YamlText
{
    /// <summary>Decodes the first document of a YAML (or JSON) text.</summary>
    /// <param name="yaml">The text.</param>
    /// <param name="duplicates">Gets the paths of keys that are given twice.</param>
    /// <exception cref="JsonException">The text is not YAML, or it is unreasonably large or deep.</exception>
    public static JsonNode? Decode(string yaml, ICollection<string>? duplicates = null)
    {
        try
        {
            return YamlReader.ReadAll(yaml, duplicates ?? []) is [var first, ..] ? first.Root : null;
        }
        catch (ManifestException e)
        {
            throw new JsonException($"yaml: {e.Message}", e);
        }
    }
}
