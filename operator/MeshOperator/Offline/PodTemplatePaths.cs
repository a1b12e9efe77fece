using System.Text.Json.Nodes;
using MeshOperator.Kubernetes.Manifests;

namespace MeshOperator.Offline;

/// <summary>Where the pods of each kind are described.</summary>
internal sealed class PodTemplatePaths
{
    /// <summary>How one more kind is written on the command line.</summary>
    public const string Form = "KIND.GROUP=PATH, for example Rollout.argoproj.io=spec.template";

    private static readonly string[] Usual = ["spec", "template"];

    private readonly Dictionary<(string Group, string Kind), string[]> _paths = new()
    {
        [(string.Empty, "Pod")] = [],
        [(string.Empty, "PodTemplate")] = ["template"],
        [(string.Empty, "ReplicationController")] = Usual,
        [("apps", "Deployment")] = Usual,
        [("apps", "StatefulSet")] = Usual,
        [("apps", "DaemonSet")] = Usual,
        [("apps", "ReplicaSet")] = Usual,
        [("batch", "Job")] = Usual,
        [("batch", "CronJob")] = ["spec", "jobTemplate", "spec", "template"],
        [("argoproj.io", "Rollout")] = Usual,
        [("apps.openshift.io", "DeploymentConfig")] = Usual,
    };

    /// <summary>The kinds of Kubernetes, of Argo Rollouts and of OpenShift.</summary>
    public static PodTemplatePaths Known { get; } = new();

    /// <summary>The same, and further kinds.</summary>
    /// <param name="further">Each as <see cref="Form"/> says.</param>
    /// <exception cref="FormatException">One is not.</exception>
    public static PodTemplatePaths With(IEnumerable<string> further)
    {
        var paths = new PodTemplatePaths();
        foreach (var text in further)
        {
            if (
                text.Split('=') is not [var name, { Length: > 0 } path]
                || name.Split('.', 2) is not [{ Length: > 0 } kind, { Length: > 0 } group]
                || path.Split('.').Any(string.IsNullOrWhiteSpace)
            )
                throw new FormatException($"'{text}' is no kind with pods; write {Form}");
            paths._paths[(group, kind)] = path.Split('.');
        }

        return paths;
    }

    /// <summary>The template in a manifest; null when its kind has no pods, or is not known.</summary>
    /// <exception cref="ManifestException">There should be one and is not.</exception>
    public PodTemplate? Find(JsonObject manifest)
    {
        if (!_paths.TryGetValue(Identify(manifest), out var path))
            return null;
        if (path.Aggregate<string, JsonNode?>(manifest, (node, field) => (node as JsonObject)?[field]) is JsonObject content)
            return PodTemplate.Describe(manifest, content);
        // A Rollout may name a Deployment in place of a template.
        if (manifest["spec"] is JsonObject spec && spec["workloadRef"] is JsonObject)
            return null;
        throw new ManifestException($"{PodTemplate.Describe(manifest, [])}: {string.Join('.', path)} is missing");
    }

    /// <summary>Where a manifest of a kind that is not known describes pods all the same, each as a path; empty when nowhere.</summary>
    public IEnumerable<string> FindUnknown(JsonObject manifest) =>
        _paths.ContainsKey(Identify(manifest)) ? [] : FindTemplates(manifest, string.Empty);

    /// <summary>The kind of a manifest as <see cref="Form"/> has it.</summary>
    public static string NameOfKind(JsonObject manifest)
    {
        var (group, kind) = Identify(manifest);
        return $"{kind}.{group}";
    }

    private static IEnumerable<string> FindTemplates(JsonNode? node, string path)
    {
        if (path.Length > 0 && PodTemplate.IsTemplate(node))
            return [path];
        return node switch
        {
            JsonObject fields => fields.SelectMany(field =>
                FindTemplates(field.Value, path.Length == 0 ? field.Key : $"{path}.{field.Key}")
            ),
            JsonArray items => items.SelectMany((item, index) => FindTemplates(item, $"{path}[{index}]")),
            _ => [],
        };
    }

    private static (string Group, string Kind) Identify(JsonObject manifest)
    {
        var version = PodTemplate.Text(manifest["apiVersion"]) ?? string.Empty;
        return (
            version.Contains('/', StringComparison.Ordinal) ? version[..version.IndexOf('/', StringComparison.Ordinal)] : string.Empty,
            PodTemplate.Text(manifest["kind"]) ?? string.Empty
        );
    }
}
