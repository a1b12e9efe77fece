using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Offline;
using Shouldly;

namespace MeshOperator.Tests.Goldens;

/// <summary>Writes down what an injection made: <c>injected.yaml</c> are the manifests, in which the mesh's own containers show only what
/// is not as in the case <c>plain-pod</c>; <c>probes.yaml</c> what proxies answer for applications; <c>bootstrap.yaml</c> all of it, where
/// a case asks for it; <c>notes.yaml</c> what is reported to users.</summary>
internal sealed partial class InjectionOutput(SidecarInjector injector, string ns)
{
    private const string Plain = "plain-pod";
    private const string Bootstrap = "bootstrap";
    private static readonly string[] OwnContainers = ["mesh-proxy", "mesh-init"];
    private static readonly string[] OwnResources = ["admin", "readiness", "prometheus"];

    /// <summary>Where a manifest describes pods; null where it does not.</summary>
    public static JsonObject? Template(JsonObject manifest) =>
        $"{manifest["apiVersion"]} {manifest["kind"]}" switch
        {
            "v1 Pod" => manifest,
            "apps/v1 Deployment" or "apps/v1 StatefulSet" or "apps/v1 DaemonSet" or "apps/v1 ReplicaSet" or "batch/v1 Job" => manifest[
                "spec"
            ]!["template"] as JsonObject,
            "batch/v1 CronJob" => manifest["spec"]!["jobTemplate"]!["spec"]!["template"] as JsonObject,
            _ => null,
        };

    public static bool IsRefused(GoldenCase golden) => golden.Name.StartsWith("refused-", StringComparison.Ordinal);

    public SortedDictionary<string, string> Files(GoldenCase golden)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var offline = new ManifestInjector(injector, ns, PodTemplatePaths.Known);
        if (IsRefused(golden))
        {
            files.Add(
                "notes.yaml",
                ManifestYaml.Write(new JsonArray(Should.Throw<ManifestException>(() => offline.Inject(golden.Manifests)).Message))
            );
            return files;
        }

        var (yaml, notes) = offline.Inject(golden.Manifests);
        if (notes.Count > 0)
            files.Add("notes.yaml", ManifestYaml.Write(new JsonArray([.. notes.Select(note => JsonValue.Create(note))])));
        var manifests = ManifestReader.Read(yaml);
        var bootstraps = manifests.Select(ReadBootstrap).OfType<JsonObject>().ToList();
        JsonNode[] probes = [.. bootstraps.Select(Probes).OfType<JsonNode>()];
        if (probes.Length > 0)
            files.Add("probes.yaml", Documents(probes));
        if (golden.Show.Contains(Bootstrap))
            files.Add("bootstrap.yaml", Documents(bootstraps));
        foreach (var manifest in manifests)
            Abridge(golden, manifest);
        files.Add("injected.yaml", Documents(manifests));
        return files;
    }

    public IEnumerable<JsonObject> Bootstraps(GoldenCase golden) =>
        ManifestReader
            .Read(new ManifestInjector(injector, ns, PodTemplatePaths.Known).Inject(golden.Manifests).Yaml)
            .Select(ReadBootstrap)
            .OfType<JsonObject>();

    private static JsonObject? ReadBootstrap(JsonObject manifest) =>
        Own(Template(manifest)).Select(c => c["args"]).FirstOrDefault(args => (string?)args?[0] == "--config-yaml") is { } found
            ? (JsonObject)JsonNode.Parse(Expand((string)found[1]!))!
            : null;

    /// <summary>References in arguments as Kubernetes documents them: <c>$(NAME)</c> is replaced, <c>$$</c> is a dollar sign.</summary>
    private static string Expand(string argument) =>
        Reference()
            .Replace(
                argument,
                match =>
                    match.Value switch
                    {
                        "$$" => "$",
                        "$(POD_NAME)" => "pod-0",
                        "$(POD_UID)" => "uid-0",
                        "$(POD_IP)" => "10.0.0.7",
                        _ => match.Value,
                    }
            );

    private static JsonObject? Probes(JsonObject bootstrap)
    {
        var resources = bootstrap["static_resources"]!;
        JsonArray Others(string list) =>
            new([.. resources[list]!.AsArray().Where(r => !OwnResources.Contains((string)r!["name"]!)).Select(r => r!.DeepClone())]);
        var listeners = Others("listeners");
        return listeners.Count == 0 ? null : new JsonObject { ["listeners"] = listeners, ["clusters"] = Others("clusters") };
    }

    private void Abridge(GoldenCase golden, JsonObject manifest)
    {
        foreach (var container in Own(Template(manifest)))
        {
            if ((string?)container["args"]?[0] == "--config-yaml")
                container["args"]![1] = $"({Bootstrap})";
            if (golden.Name == Plain)
                continue;
            var usual = Usual((string)container["name"]!);
            string[] same =
            [
                .. container
                    .Where(f => f.Key != "name" && usual.ContainsKey(f.Key) && JsonNode.DeepEquals(f.Value, usual[f.Key]))
                    .Select(f => f.Key),
            ];
            foreach (var field in same)
                container.Remove(field);
            container[$"as in {Plain}"] = string.Join(' ', same);
        }
    }

    /// <summary>The container as the case that shows all of it has it.</summary>
    private JsonObject Usual(string name)
    {
        var plain = ManifestReader.Read(
            new ManifestInjector(InjectionGoldens.Injector(null), ns, PodTemplatePaths.Known)
                .Inject(new GoldenCase(Plain, "injection").Manifests)
                .Yaml
        )[0];
        var container = Own(plain).FirstOrDefault(c => (string?)c["name"] == name) ?? [];
        if ((string?)container["args"]?[0] == "--config-yaml")
            container["args"]![1] = $"({Bootstrap})";
        return container;
    }

    private static IEnumerable<JsonObject> Own(JsonObject? template) =>
        new[] { "initContainers", "containers" }
            .SelectMany(list => (template?["spec"]?[list] as JsonArray)?.OfType<JsonObject>() ?? [])
            .Where(container => OwnContainers.Contains((string?)container["name"]));

    private static string Documents(IEnumerable<JsonNode> documents) => string.Join("---\n", documents.Select(ManifestYaml.Write));

    [GeneratedRegex(@"\$\$|\$\([A-Z_]+\)")]
    private static partial Regex Reference();
}
