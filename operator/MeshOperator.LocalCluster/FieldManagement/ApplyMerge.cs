using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Schemas;

namespace MeshOperator.LocalCluster.FieldManagement;

/// <summary>The merging of server-side apply: by field, by key, by value, or as a whole, as the schema says.</summary>
internal static class ApplyMerge
{
    public static JsonNode? Merge(JsonNode? live, JsonNode? config, StructuralSchema schema, bool isRoot = true)
    {
        if (!FieldPaths.IsGranular(live, schema) || !FieldPaths.IsGranular(config, schema))
            return config?.DeepClone();
        switch (live, config)
        {
            case (JsonObject fields, JsonObject wanted):
                foreach (var (name, value) in wanted)
                {
                    var property = FieldPaths.FieldSchema(schema, name, isRoot);
                    var merged = fields.TryGetPropertyValue(name, out var was)
                        ? Merge(was, value, property, isRoot: false)
                        : value?.DeepClone();
                    if (!ReferenceEquals(merged, was))
                        fields[name] = merged;
                }

                return fields;
            case (JsonArray items, JsonArray wanted):
                foreach (var item in wanted)
                {
                    var element = FieldPaths.Element(item, schema);
                    var at = IndexOf(items, element, schema);
                    if (at < 0)
                    {
                        items.Add(item?.DeepClone());
                    }
                    else if (schema.ListType == ListType.Map)
                    {
                        var was = items[at];
                        var merged = Merge(was, item, schema.Items!, isRoot: false);
                        if (!ReferenceEquals(merged, was))
                            items[at] = merged;
                    }
                }

                return items;
            default:
                return config?.DeepClone();
        }
    }

    /// <summary>Takes out what a manager no longer applies and nobody else owns.</summary>
    public static void Remove(JsonObject content, FieldSet abandoned, FieldSet others, StructuralSchema schema) =>
        RemoveBelow(content, abandoned, others, schema, isRoot: true);

    private static void RemoveBelow(JsonNode? value, FieldSet abandoned, FieldSet others, StructuralSchema schema, bool isRoot = false)
    {
        foreach (var (element, gone) in abandoned.Children)
        {
            others.Children.TryGetValue(element, out var kept);
            if (value is JsonObject fields && element.StartsWith("f:", StringComparison.Ordinal))
            {
                var name = element[2..];
                if (!fields.TryGetPropertyValue(name, out var child))
                    continue;
                if (gone.Member && kept is null or { IsEmpty: true } && !StillGranular(child, gone))
                {
                    fields.Remove(name);
                    continue;
                }

                var hadSome = Count(child) > 0;
                RemoveBelow(child, gone, kept ?? new FieldSet(), FieldPaths.FieldSchema(schema, name, isRoot));
                if (hadSome && Count(child) == 0 && kept is null or { IsEmpty: true })
                    fields.Remove(name);
            }
            else if (value is JsonArray items)
            {
                var at = IndexOf(items, element, schema);
                if (at < 0)
                    continue;
                if (gone.Member && kept is null or { IsEmpty: true })
                    items.RemoveAt(at);
                else if (schema.Items is not null)
                    RemoveBelow(items[at], gone, kept ?? new FieldSet(), schema.Items);
            }
        }
    }

    private static bool StillGranular(JsonNode? child, FieldSet gone) =>
        gone.Children.Count > 0 && child is JsonObject or JsonArray && Count(child) > 0;

    private static int Count(JsonNode? value) =>
        value switch
        {
            JsonObject fields => fields.Count,
            JsonArray items => items.Count,
            _ => 1,
        };

    private static int IndexOf(JsonArray items, string element, StructuralSchema schema)
    {
        for (var i = 0; i < items.Count; i++)
            if (FieldPaths.Element(items[i], schema) == element)
                return i;
        return -1;
    }
}
