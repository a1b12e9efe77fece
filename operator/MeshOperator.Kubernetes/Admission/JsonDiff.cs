using System.Globalization;
using System.Text.Json.Nodes;

namespace MeshOperator.Kubernetes.Admission;

/// <summary>The difference of two JSON values as a JSON patch (RFC 6902).</summary>
public static class JsonDiff
{
    /// <summary>Operations that turn <paramref name="before"/> into <paramref name="after"/>; empty when they are equal. Lists are
    /// compared from both ends, so that an insertion is one operation.</summary>
    public static JsonArray Between(JsonNode? before, JsonNode? after)
    {
        var patch = new JsonArray();
        Compare(before, after, string.Empty, patch);
        return patch;
    }

    private static void Compare(JsonNode? before, JsonNode? after, string path, JsonArray patch)
    {
        if (before is JsonObject oldMap && after is JsonObject newMap)
            CompareMaps(oldMap, newMap, path, patch);
        else if (before is JsonArray oldList && after is JsonArray newList)
            CompareLists(oldList, newList, path, patch);
        else if (!JsonNode.DeepEquals(before, after))
            Add(patch, Operation("replace", path, after));
    }

    private static void CompareMaps(JsonObject before, JsonObject after, string path, JsonArray patch)
    {
        foreach (var (key, _) in before)
        {
            if (!after.ContainsKey(key))
                Add(patch, Removal(Child(path, key)));
        }

        foreach (var (key, value) in after)
        {
            if (before.TryGetPropertyValue(key, out var old))
                Compare(old, value, Child(path, key), patch);
            else
                Add(patch, Operation("add", Child(path, key), value));
        }
    }

    private static void CompareLists(JsonArray before, JsonArray after, string path, JsonArray patch)
    {
        var start = 0;
        var shorter = Math.Min(before.Count, after.Count);
        while (start < shorter && JsonNode.DeepEquals(before[start], after[start]))
            start++;
        var end = 0;
        while (end < shorter - start && JsonNode.DeepEquals(before[before.Count - 1 - end], after[after.Count - 1 - end]))
            end++;

        var (oldMiddle, newMiddle) = (before.Count - start - end, after.Count - start - end);
        var changed = Math.Min(oldMiddle, newMiddle);
        for (var i = start; i < start + changed; i++)
            Compare(before[i], after[i], Child(path, i), patch);
        for (var i = start + oldMiddle - 1; i >= start + changed; i--)
            Add(patch, Removal(Child(path, i)));
        for (var i = start + changed; i < start + newMiddle; i++)
            Add(patch, Operation("add", Child(path, i), after[i]));
    }

    /// <summary>As a node: a list that is given a type finds out by reflection how it is written.</summary>
    private static void Add(JsonArray patch, JsonNode operation) => patch.Add(operation);

    private static JsonObject Removal(string path) => new() { ["op"] = "remove", ["path"] = path };

    private static JsonObject Operation(string name, string path, JsonNode? value) =>
        new()
        {
            ["op"] = name,
            ["path"] = path,
            ["value"] = value?.DeepClone(),
        };

    private static string Child(string path, int index) => string.Create(CultureInfo.InvariantCulture, $"{path}/{index}");

    private static string Child(string path, string key) =>
        $"{path}/{key.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}";
}
