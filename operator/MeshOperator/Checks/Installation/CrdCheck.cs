using System.Text.Json.Nodes;

namespace MeshOperator.Checks.Installation;

/// <summary>Whether the CRDs in the cluster are those of this version.</summary>
internal static class CrdCheck
{
    private const string Upgrade = "upgrade the chart, or run kubectl apply --server-side --force-conflicts -f crds/";

    /// <summary>Text for people, and what API servers before 1.27 do not keep.</summary>
    private static readonly string[] Ignored = ["description", "messageExpression"];

    /// <summary>Before an installation, which brings its CRDs along.</summary>
    public static IEnumerable<Finding> FindBefore(IEnumerable<JsonObject> own, IReadOnlyDictionary<string, JsonObject> stored)
    {
        if (stored.Count == 0)
            return [Finding.Ok(CheckNames.Crds, "the cluster has no CRDs of the mesh yet")];
        var others = FindOthers(own, stored)
            .Select(other =>
                Finding.Warning(
                    CheckNames.Crds,
                    $"CRD {other.Name} is of another version, it differs at {other.Path}; upgrade the CRDs together with the operator"
                )
            )
            .ToList();
        return others.Count > 0 ? others : [Finding.Ok(CheckNames.Crds, "the CRDs in the cluster are of this version")];
    }

    /// <summary>After an installation.</summary>
    public static IEnumerable<Finding> FindAfter(IReadOnlyCollection<JsonObject> own, IReadOnlyDictionary<string, JsonObject> stored)
    {
        var missing = own.Select(GetName)
            .Where(name => !stored.ContainsKey(name))
            .Select(name => Finding.Error(CheckNames.Crds, $"CRD {name} is not in the cluster; {Upgrade}"));
        var others = FindOthers(own, stored)
            .Select(other =>
                Finding.Error(
                    CheckNames.Crds,
                    $"CRD {other.Name} is not of this version, it differs at {other.Path}: fields that it lacks are lost "
                        + $"silently; {Upgrade}"
                )
            );
        var found = missing.Concat(others).ToList();
        return found.Count > 0 ? found : [Finding.Ok(CheckNames.Crds, $"all {own.Count} CRDs are of this version")];
    }

    private static IEnumerable<(string Name, string Path)> FindOthers(
        IEnumerable<JsonObject> own,
        IReadOnlyDictionary<string, JsonObject> stored
    )
    {
        foreach (var crd in own)
        {
            if (stored.TryGetValue(GetName(crd), out var kept) && FindDifference(GetSchema(crd), GetSchema(kept), "") is { } path)
                yield return (GetName(crd), path);
        }
    }

    private static string GetName(JsonObject crd) => (string)crd["metadata"]!["name"]!;

    private static JsonNode? GetSchema(JsonObject crd) => crd["spec"]?["versions"]?[0]?["schema"]?["openAPIV3Schema"];

    /// <summary>The path of the first difference, as in <c>spec.backends.maxItems</c>; null when there is none. API servers leave out
    /// objects that are empty.</summary>
    private static string? FindDifference(JsonNode? own, JsonNode? kept, string path)
    {
        if (own is JsonObject or null && kept is JsonObject or null)
            return FindDifference(own as JsonObject ?? [], kept as JsonObject ?? [], path);
        if (own is JsonArray many && kept is JsonArray others && many.Count == others.Count)
            return many.Select((item, i) => FindDifference(item, others[i], $"{path}[{i}]")).FirstOrDefault(found => found is not null);
        return JsonNode.DeepEquals(own, kept) ? null : path;
    }

    private static string? FindDifference(JsonObject own, JsonObject kept, string path) =>
        own.Select(field => field.Key)
            .Union(kept.Select(field => field.Key))
            .Where(name => !(Ignored.Contains(name) && (own[name] ?? kept[name]) is JsonValue))
            .Select(name => FindDifference(own[name], kept[name], name is "properties" ? path : $"{path}.{name}".TrimStart('.')))
            .FirstOrDefault(found => found is not null);
}
