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
    private const string Apps = "apps/v1";
    private const string Batch = "batch/v1";

    /// <summary>Where the pods of each kind are described.</summary>
    private static readonly Dictionary<(string ApiVersion, string Kind), string[]> Paths = new()
    {
        [("v1", "Pod")] = [],
        [("v1", "ReplicationController")] = ["spec", "template"],
        [(Apps, "Deployment")] = ["spec", "template"],
        [(Apps, "StatefulSet")] = ["spec", "template"],
        [(Apps, "DaemonSet")] = ["spec", "template"],
        [(Apps, "ReplicaSet")] = ["spec", "template"],
        [(Batch, "Job")] = ["spec", "template"],
        [(Batch, "CronJob")] = ["spec", "jobTemplate", "spec", "template"],
    };

    /// <summary>For people.</summary>
    public override string ToString() => $"{Kind} {Name}";

    /// <summary>The template in a manifest; null when its kind has no pods.</summary>
    /// <exception cref="ManifestException">There should be one and is not.</exception>
    public static PodTemplate? Find(JsonObject manifest)
    {
        var kind = Text(manifest["kind"]) ?? string.Empty;
        if (!Paths.TryGetValue((Text(manifest["apiVersion"]) ?? string.Empty, kind), out var path))
            return null;
        var metadata = manifest["metadata"] as JsonObject;
        var name = Text(metadata?["name"]) ?? Text(metadata?["generateName"]) ?? string.Empty;
        var content =
            path.Aggregate<string, JsonNode?>(manifest, (node, field) => (node as JsonObject)?[field]) as JsonObject
            ?? throw new ManifestException($"{kind} {name}: {string.Join('.', path)} is missing");
        return new PodTemplate(kind, name, Text(metadata?["namespace"]), content);
    }

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
