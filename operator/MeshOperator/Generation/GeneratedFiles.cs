using System.CommandLine;
using System.Reflection;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Kinds;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Crds;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Rbac;

namespace MeshOperator.Generation;

/// <summary>The files of the repository that are made of the program: the CRDs, the chart's roles and the reference pages.</summary>
internal static class GeneratedFiles
{
    private const string Notice = "# Made by `meshop generate` from the C# types; do not edit.\n";

    /// <summary>Path from the root of the repository, with forward slashes, to content.</summary>
    /// <param name="root">The repository.</param>
    /// <param name="program">The command line.</param>
    public static IReadOnlyDictionary<string, string> All(DirectoryInfo root, RootCommand program)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var entity in MeshEntities.All)
        {
            var name = entity.GetCustomAttribute<KubernetesEntityAttribute>()!.PluralName;
            var yaml = Notice + ManifestYaml.Write(CustomResourceDefinition.ForEntity(entity));
            files[$"crds/{name}.yaml"] = yaml;
            files[$"{ChartFiles.Folder}files/crds/{name}.yaml"] = yaml;
        }

        var rules = Assembly
            .GetExecutingAssembly()
            .GetTypes()
            .SelectMany(t =>
                t.GetCustomAttributes<GenericRbacAttribute>(inherit: false)
                    .Concat(t.GetCustomAttributes<PolicyRbacAttribute>(inherit: false).SelectMany(policies => policies.ToRules()))
            )
            .Concat(typeof(TrafficSplit).Assembly.GetCustomAttributes<GenericRbacAttribute>())
            .ToArray();
        files[$"{ChartFiles.Folder}files/cluster-rules.yaml"] = Notice + Rules(rules.Where(r => !r.OwnNamespace));
        files[$"{ChartFiles.Folder}files/namespace-rules.yaml"] = Notice + Rules(rules.Where(r => r.OwnNamespace));
        foreach (var (path, content) in ChartFiles.All(root, Notice))
            files[path] = content;
        foreach (var (path, content) in ReferencePages.All(MeshEntities.All, root, program))
            files[path] = content;
        return files;
    }

    /// <summary>One rule for each group and resource (and resource names), verbs united, in order of names.</summary>
    private static string Rules(IEnumerable<GenericRbacAttribute> attributes)
    {
        var rules = attributes
            .SelectMany(a => a.Resources.Select(resource => (a.Group, Resource: resource, a.ResourceNames, a.Verbs)))
            .GroupBy(r => (r.Group, r.Resource, r.ResourceNames))
            .OrderBy(g => g.Key.Group, StringComparer.Ordinal)
            .ThenBy(g => g.Key.Resource, StringComparer.Ordinal)
            .ThenBy(g => g.Key.ResourceNames, StringComparer.Ordinal)
            .Select(
                JsonNode (group) =>
                {
                    var rule = new JsonObject
                    {
                        ["apiGroups"] = new JsonArray(group.Key.Group),
                        ["resources"] = new JsonArray(group.Key.Resource),
                    };
                    if (group.Key.ResourceNames.Length > 0)
                        rule["resourceNames"] = new JsonArray([.. group.Key.ResourceNames.Split(',').Select(n => JsonValue.Create(n))]);
                    rule["verbs"] = new JsonArray([
                        .. group.SelectMany(r => r.Verbs).Distinct().Order(StringComparer.Ordinal).Select(v => JsonValue.Create(v)),
                    ]);
                    return rule;
                }
            );
        return ManifestYaml.Write(new JsonArray([.. rules]));
    }
}
