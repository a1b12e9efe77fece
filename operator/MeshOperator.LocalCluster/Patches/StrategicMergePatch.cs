using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Schemas;

namespace MeshOperator.LocalCluster.Patches;

/// <summary>Kubernetes' strategic merge patch, with its directives.</summary>
internal static class StrategicMergePatch
{
    private const string Directive = "$patch";
    private const string RetainKeys = "$retainKeys";
    private const string OrderPrefix = "$setElementOrder/";
    private const string DeletePrefix = "$deleteFromPrimitiveList/";

    /// <summary>Merges a patch into an object of the schema.</summary>
    /// <exception cref="PatchException">The patch does not fit.</exception>
    public static JsonObject Apply(JsonObject target, JsonObject patch, StructuralSchema schema) => Fields(target, patch, schema);

    private static JsonObject Fields(JsonObject target, JsonObject patch, StructuralSchema schema)
    {
        switch (patch.Text(Directive))
        {
            case "replace":
                return Clean(patch);
            case "delete":
                return [];
            case null or "merge":
                break;
            case { } other:
                throw new PatchException($"Unknown patch type found: {other}");
        }

        if (patch.Array(RetainKeys) is { } retained)
        {
            var keep = retained.Select(k => k.AsText()).ToHashSet();
            foreach (var name in target.Select(f => f.Key).Where(k => !keep.Contains(k)).ToArray())
                target.Remove(name);
        }

        foreach (var (name, change) in patch)
        {
            if (name is Directive or RetainKeys || name.StartsWith(OrderPrefix, StringComparison.Ordinal))
                continue;
            if (name.StartsWith(DeletePrefix, StringComparison.Ordinal))
            {
                if (target.Array(name[DeletePrefix.Length..]) is { } list && change is JsonArray gone)
                    list.RemoveAll(item => gone.Any(g => JsonAccess.Same(g, item)));
                continue;
            }

            if (change is null)
            {
                target.Remove(name);
                continue;
            }

            var field = schema.Field(name) ?? StructuralSchema.Anything;
            target.TryGetPropertyValue(name, out var was);
            var now = Value(was, change, field);
            if (!ReferenceEquals(was, now))
                target[name] = now;
        }

        foreach (var (name, order) in patch)
            if (name.StartsWith(OrderPrefix, StringComparison.Ordinal) && order is JsonArray wanted)
                Reorder(target, name[OrderPrefix.Length..], wanted, schema);
        return target;
    }

    private static JsonNode? Value(JsonNode? was, JsonNode change, StructuralSchema schema) =>
        change switch
        {
            JsonObject fields => Fields(was as JsonObject ?? [], fields, schema),
            JsonArray items when schema.PatchMerge && schema.PatchMergeKey is { } key => Keyed(was as JsonArray ?? [], items, schema, key),
            JsonArray items when schema.PatchMerge => Union(was as JsonArray ?? [], items),
            JsonArray items => new JsonArray([.. items.Select(i => i is JsonObject o ? Clean(o) : i?.DeepClone())]),
            _ => change.DeepClone(),
        };

    private static JsonArray Union(JsonArray target, JsonArray patch)
    {
        foreach (var item in patch)
            if (!target.Any(t => JsonAccess.Same(t, item)))
                target.Add(item?.DeepClone());
        return target;
    }

    private static JsonArray Keyed(JsonArray target, JsonArray patch, StructuralSchema schema, string key)
    {
        if (patch.OfType<JsonObject>().Any(p => p.Text(Directive) == "replace" && p.Count == 1))
            return new JsonArray([
                .. patch
                    .OfType<JsonObject>()
                    .Where(p => !(p.Text(Directive) == "replace" && p.Count == 1))
                    .Select(p => (JsonNode?)Clean(p)),
            ]);
        foreach (var change in patch.OfType<JsonObject>())
        {
            if (change[key] is not { } value)
                throw new PatchException($"map: {JsonText.EncodeText(change)} does not contain declared merge key: {key}");
            var at = IndexOf(target, key, value);
            if (change.Text(Directive) == "delete")
            {
                for (; at >= 0; at = IndexOf(target, key, value))
                    target.RemoveAt(at);
            }
            else if (at < 0)
            {
                target.Add(Fields([], change, schema.Items!));
            }
            else if (change.Text(Directive) == "replace")
            {
                target[at] = Clean(change);
            }
            else
            {
                Fields((JsonObject)target[at]!, change, schema.Items!);
            }
        }

        return target;
    }

    private static int IndexOf(JsonArray items, string key, JsonNode value)
    {
        for (var i = 0; i < items.Count; i++)
            if (items[i] is JsonObject item && JsonAccess.Same(item[key], value))
                return i;
        return -1;
    }

    private static void Reorder(JsonObject target, string name, JsonArray wanted, StructuralSchema schema)
    {
        if (target.Array(name) is not { } items || schema.Field(name) is not { } list)
            return;
        var key = list.PatchMergeKey;
        bool Matches(JsonNode? item, JsonNode? order) =>
            key is null ? JsonAccess.Same(item, order) : JsonAccess.Same((item as JsonObject)?[key], (order as JsonObject)?[key]);
        int Rank(JsonNode? item)
        {
            for (var i = 0; i < wanted.Count; i++)
                if (Matches(item, wanted[i]))
                    return i;
            return -1;
        }

        // Items that the order does not name keep their place after the item they follow now.
        var all = items.ToArray();
        var last = 0;
        var ranks = all.Select(item => Rank(item) is >= 0 and var rank ? last = rank : last).ToArray();
        var sorted = all.Select((item, i) => (item, i)).OrderBy(p => ranks[p.i]).ThenBy(p => p.i).Select(p => p.item).ToArray();
        items.Clear();
        foreach (var item in sorted)
            items.Add(item);
    }

    /// <summary>A new value out of a patch: without directives.</summary>
    private static JsonObject Clean(JsonObject patch)
    {
        var clean = new JsonObject();
        foreach (var (name, value) in patch)
        {
            if (
                name is Directive or RetainKeys
                || name.StartsWith(OrderPrefix, StringComparison.Ordinal)
                || name.StartsWith(DeletePrefix, StringComparison.Ordinal)
            )
                continue;
            clean[name] = value switch
            {
                JsonObject fields => Clean(fields),
                JsonArray items => new JsonArray([.. items.Select(i => i is JsonObject o ? Clean(o) : i?.DeepClone())]),
                _ => value?.DeepClone(),
            };
        }

        return clean;
    }
}
