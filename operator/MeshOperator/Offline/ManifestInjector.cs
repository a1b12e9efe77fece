using System.Text.Json;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Admission;
using MeshOperator.Kubernetes.Manifests;

namespace MeshOperator.Offline;

/// <summary>Manifests with sidecars.</summary>
/// <param name="Yaml">The documents; those without pods are as they were, but for comments.</param>
/// <param name="Notes">What the user should know, each with the object's name.</param>
internal sealed record InjectedManifests(string Yaml, IReadOnlyList<string> Notes);

/// <summary>Adds the sidecar to the pods and pod templates of manifests, as the webhook would to their pods.</summary>
internal sealed class ManifestInjector(SidecarInjector injector, string @namespace)
{
    private const string Apps = "apps/v1";
    private const string Batch = "batch/v1";

    /// <summary>Where the pods of each kind are described.</summary>
    private static readonly Dictionary<(string ApiVersion, string Kind), string[]> Templates = new()
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

    /// <summary>Injects one or more YAML or JSON documents.</summary>
    /// <exception cref="ManifestException">It cannot be read, or a pod cannot have the sidecar; the message names the object.</exception>
    public InjectedManifests Inject(string text)
    {
        var notes = new List<string>();
        var documents = ManifestReader.Read(text).Select(manifest =>
        {
            Inject(manifest, notes);
            return ManifestYaml.Write(manifest);
        });
        return new InjectedManifests(string.Join("---\n", documents), notes);
    }

    private void Inject(JsonObject manifest, List<string> notes)
    {
        var kind = Text(manifest["kind"]) ?? string.Empty;
        if (!Templates.TryGetValue((Text(manifest["apiVersion"]) ?? string.Empty, kind), out var path)) return;
        var metadata = manifest["metadata"] as JsonObject;
        var name = $"{kind} {Text(metadata?["name"]) ?? Text(metadata?["generateName"])}";
        var template = path.Aggregate<string, JsonNode?>(manifest, (node, field) => (node as JsonObject)?[field]) as JsonObject
            ?? throw new ManifestException($"{name}: {string.Join('.', path)} is missing");

        InjectionOutcome? outcome = null;
        try
        {
            var changed = (JsonObject)TypedChange.Edit<V1Pod>(template, pod => outcome = injector.Inject(pod, Text(metadata?["namespace"]) ?? @namespace))!;
            foreach (var (field, value) in changed.ToArray())
            {
                changed.Remove(field);
                template[field] = value;
            }
        }
        catch (JsonException e)
        {
            throw new ManifestException($"{name}: {e.Message}", e);
        }

        if (outcome!.IsRefused) throw new ManifestException($"{name}: the sidecar cannot be added: {outcome.Reason}");
        if (!outcome.IsInjected) notes.Add($"{name}: not injected: {outcome.Reason}");
        notes.AddRange(outcome.Warnings.Select(warning => $"{name}: {warning}"));
    }

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
