using System.Text.Json;
using System.Text.Json.Nodes;
using MeshOperator.Kubernetes.Manifests;

namespace MeshOperator.Offline;

/// <summary>The description of pods in a manifest.</summary>
/// <param name="Kind">The manifest's kind.</param>
/// <param name="Name">Its name, or the beginning of it.</param>
/// <param name="Namespace">Its namespace; null when it names none.</param>
/// <param name="Content">A pod, or the template of one, as part of the manifest.</param>
internal sealed record PodTemplate(string Kind, string Name, string? Namespace, JsonObject Content)
{
    /// <summary>For people.</summary>
    public override string ToString() => $"{Kind} {Name}";

    /// <summary>Whether a node of a manifest describes pods: it has a <c>spec</c> with containers that have an image.</summary>
    public static bool IsTemplate(JsonNode? node) =>
        node is JsonObject template
        && template["spec"] is JsonObject spec
        && spec["containers"] is JsonArray containers
        && containers.Any(container => container is JsonObject known && known["image"] is JsonValue);

    /// <summary>What a manifest says of itself.</summary>
    public static PodTemplate Describe(JsonObject manifest, JsonObject content)
    {
        var metadata = manifest["metadata"] as JsonObject;
        var name = Text(metadata?["name"]) ?? Text(metadata?["generateName"]) ?? string.Empty;
        return new PodTemplate(Text(manifest["kind"]) ?? string.Empty, name, Text(metadata?["namespace"]), content);
    }

    internal static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
