using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Admission;
using MeshOperator.Kubernetes.Manifests;

namespace MeshOperator.Offline;

/// <summary>Manifests with sidecars.</summary>
/// <param name="Yaml">The documents; those that are not changed are as they were, byte for byte.</param>
/// <param name="Notes">What the user should know, each with the object's name.</param>
internal sealed record InjectedManifests(string Yaml, IReadOnlyList<string> Notes);

/// <summary>Adds the sidecar to the pods and pod templates of manifests, as the webhook would to their pods.</summary>
internal sealed class ManifestInjector(SidecarInjector injector, string @namespace, PodTemplatePaths paths)
{
    /// <summary>Injects one or more YAML or JSON documents.</summary>
    /// <exception cref="ManifestException">It cannot be read, or a pod cannot have the sidecar; the message names the object.</exception>
    public InjectedManifests Inject(string text)
    {
        var notes = new List<string>();
        var output = new StringBuilder();
        var isAnyChanged = false;
        foreach (var document in ManifestReader.ReadDocuments(text))
        {
            var isChanged = false;
            foreach (var manifest in document.Objects)
                isChanged |= Inject(manifest, notes);
            isAnyChanged |= isChanged;
            if (isChanged)
                output.Append(output.Length > 0 ? "---\n" : string.Empty).Append(ManifestYaml.Write(document.Root!));
            else
                output.Append(Separate(output, document.Source));
        }

        if (notes.Count == 0 && !isAnyChanged)
            notes.Add("nothing to inject: no object describes pods");
        return new InjectedManifests(output.ToString(), notes);
    }

    /// <summary>A document's text; one that begins without a marker needs one behind another document.</summary>
    private static string Separate(StringBuilder before, string source)
    {
        if (before.Length == 0 || source.StartsWith("---", StringComparison.Ordinal))
            return source;
        return $"---\n{source}";
    }

    private static string LeftAlone(JsonObject manifest, string path)
    {
        var who = PodTemplate.Describe(manifest, []);
        // A list on the way to its pods cannot be named on the command line.
        return !path.Contains('[', StringComparison.Ordinal)
            ? $"{who}: not injected: its kind is not known; add --pod-template {PodTemplatePaths.NameOfKind(manifest)}={path} to inject "
                + "it, or leave its pods to the webhook"
            : $"{who}: not injected: its kind is not known; its pods, which {path} describes, are left to the webhook";
    }

    /// <returns>Whether the manifest was changed.</returns>
    private bool Inject(JsonObject manifest, List<string> notes)
    {
        if (paths.Find(manifest) is not { } template)
        {
            notes.AddRange(paths.FindUnknown(manifest).Select(path => LeftAlone(manifest, path)));
            return false;
        }

        InjectionOutcome? outcome = null;
        var before = template.Content.DeepClone();
        try
        {
            var changed = (JsonObject)
                TypedChange.Edit<V1Pod>(template.Content, pod => outcome = injector.Inject(pod, template.Namespace ?? @namespace))!;
            foreach (var (field, value) in changed.ToArray())
            {
                changed.Remove(field);
                template.Content[field] = value;
            }
        }
        catch (JsonException e)
        {
            throw new ManifestException($"{template}: {JsonProblem.Describe(e)}", e);
        }

        if (outcome!.IsRefused)
            throw new ManifestException($"{template}: the sidecar cannot be added: {outcome.Reason}");
        if (!outcome.IsInjected)
            notes.Add($"{template}: not injected: {outcome.Reason}");
        notes.AddRange(outcome.Warnings.Select(warning => $"{template}: {warning}"));
        return !JsonNode.DeepEquals(before, template.Content);
    }
}
