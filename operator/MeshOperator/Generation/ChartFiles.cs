using System.Reflection;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Api.Kinds;
using MeshOperator.Api.Policies;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Manifests;

namespace MeshOperator.Generation;

/// <summary>Files of the chart that follow from the program and from <c>values.yaml</c>, but for its roles and CRDs.</summary>
internal static class ChartFiles
{
    /// <summary>The chart, from the root of the repository.</summary>
    public const string Folder = "charts/mesh-operator/";

    /// <summary>Path from the root of the repository to content.</summary>
    /// <param name="root">The repository; what follows from the chart's values is made where they are.</param>
    /// <param name="notice">The first line of YAML files.</param>
    public static IEnumerable<(string Path, string Content)> All(DirectoryInfo root, string notice)
    {
        yield return ($"{Folder}files/validated-kinds.yaml", notice + Yaml(MeshEntities.PluralNames));
        yield return ($"{Folder}files/policies.yaml", notice + Yaml(PolicyKinds.All.Select(kind => PluralName(kind.Entity))));
        yield return ($"{Folder}files/images.yaml", notice + Images(new InjectionOptions()));
        var file = Path.Combine(root.FullName, Folder, "values.yaml");
        if (!File.Exists(file))
            yield break;
        var values = File.ReadAllText(file);
        yield return ($"{Folder}values.schema.json", ChartSchema.Create(values));
        yield return ($"{Folder}README.md", ChartReadme.Create(values));
    }

    private static string PluralName(Type entity) => entity.GetCustomAttribute<KubernetesEntityAttribute>()!.PluralName;

    private static string Yaml(IEnumerable<string> names) =>
        ManifestYaml.Write(new JsonArray([.. names.Select(name => JsonValue.Create(name))]));

    private static string Images(InjectionOptions options) =>
        ManifestYaml.Write(new JsonObject { ["proxy"] = options.ProxyImage, ["init"] = options.InitImage });
}
