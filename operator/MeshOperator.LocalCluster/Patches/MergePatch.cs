using System.Text.Json.Nodes;

namespace MeshOperator.LocalCluster.Patches;

/// <summary>RFC 7386.</summary>
internal static class MergePatch
{
    public static JsonNode? Apply(JsonNode? target, JsonNode? patch)
    {
        if (patch is not JsonObject changes)
            return patch?.DeepClone();
        var fields = target as JsonObject ?? [];
        foreach (var (name, change) in changes)
        {
            if (change is null)
            {
                fields.Remove(name);
                continue;
            }

            fields.TryGetPropertyValue(name, out var was);
            var now = Apply(was, change);
            if (!ReferenceEquals(was, now))
                fields[name] = now;
        }

        return fields;
    }
}
