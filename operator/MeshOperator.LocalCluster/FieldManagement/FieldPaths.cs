using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Schemas;

namespace MeshOperator.LocalCluster.FieldManagement;

/// <summary>Finds the paths of a value, and the paths by which two values differ.</summary>
internal static class FieldPaths
{
    private static readonly HashSet<string> ServerOwned = new(StringComparer.Ordinal)
    {
        "f:name",
        "f:namespace",
        "f:uid",
        "f:resourceVersion",
        "f:creationTimestamp",
        "f:generation",
        "f:selfLink",
        "f:managedFields",
        "f:deletionTimestamp",
        "f:deletionGracePeriodSeconds",
    };

    /// <summary>All paths of an object that a manager can own.</summary>
    public static FieldSet Collect(JsonObject content, StructuralSchema schema)
    {
        var set = new FieldSet();
        Collect(content, schema, set);
        return Ownable(set);
    }

    /// <summary>What changed or came, and what went.</summary>
    public static (FieldSet Changed, FieldSet Removed) Compare(JsonObject old, JsonObject @new, StructuralSchema schema)
    {
        var changed = new FieldSet();
        var removed = new FieldSet();
        Compare(old, @new, schema, changed, removed);
        return (Ownable(changed), Ownable(removed));
    }

    public static bool IsGranular(JsonNode? value, StructuralSchema schema) =>
        value switch
        {
            JsonObject => !schema.AtomicMap,
            JsonArray => schema.ListType != ListType.Atomic,
            _ => false,
        };

    /// <summary>The path element of a list's item.</summary>
    public static string Element(JsonNode? item, StructuralSchema list)
    {
        if (list.ListType == ListType.Set)
            return "v:" + JsonText.EncodeText(item);
        var keys = new JsonObject();
        foreach (var key in list.ListMapKeys.Order(StringComparer.Ordinal))
        {
            var value = (item as JsonObject)?[key] ?? list.Items?.Properties.GetValueOrDefault(key)?.DefaultValue;
            if (value is not null)
                keys[key] = value.DeepClone();
        }

        return "k:" + JsonText.EncodeText(keys);
    }

    public static StructuralSchema FieldSchema(StructuralSchema schema, string name, bool isRoot)
    {
        if (isRoot && name == "metadata")
            return ModelSchemas.ForModel(typeof(k8s.Models.V1ObjectMeta));
        return schema.Field(name) ?? StructuralSchema.Anything;
    }

    private static FieldSet Ownable(FieldSet set)
    {
        var result = set.Except("f:apiVersion", "f:kind", "f:metadata");
        if (set.Children.TryGetValue("f:metadata", out var metadata))
        {
            var kept = metadata.Except([.. ServerOwned]);
            if (!kept.IsEmpty)
                result.Children["f:metadata"] = kept;
        }

        return result;
    }

    private static void Collect(JsonNode? value, StructuralSchema schema, FieldSet into, bool isRoot = true)
    {
        if (!IsGranular(value, schema))
        {
            into.Member = true;
            return;
        }

        switch (value)
        {
            case JsonObject fields:
                if (fields.Count == 0)
                    into.Member = !isRoot;
                foreach (var (name, child) in fields)
                    Collect(child, FieldSchema(schema, name, isRoot), into.Child("f:" + name), isRoot: false);
                break;
            case JsonArray items:
                if (items.Count == 0)
                    into.Member = true;
                foreach (var item in items)
                {
                    var place = into.Child(Element(item, schema));
                    place.Member = true;
                    if (schema.ListType == ListType.Map)
                        Collect(item, schema.Items!, place, isRoot: false);
                }

                break;
        }
    }

    private static void Compare(
        JsonNode? old,
        JsonNode? @new,
        StructuralSchema schema,
        FieldSet changed,
        FieldSet removed,
        bool isRoot = true
    )
    {
        if (!IsGranular(old, schema) || !IsGranular(@new, schema) || old is JsonObject != @new is JsonObject)
        {
            if (JsonAccess.Same(old, @new))
                return;
            Collect(@new, schema, changed, isRoot);
            if (IsGranular(old, schema))
                Collect(old, schema, removed, isRoot);
            return;
        }

        if (old is JsonObject before && @new is JsonObject after)
        {
            foreach (var (name, value) in after)
            {
                var field = FieldSchema(schema, name, isRoot);
                if (before.TryGetPropertyValue(name, out var was))
                    CompareChild(was, value, field, "f:" + name, changed, removed);
                else
                    Collect(value, field, changed.Child("f:" + name), isRoot: false);
            }

            foreach (var (name, value) in before)
                if (!after.ContainsKey(name))
                    Collect(value, FieldSchema(schema, name, isRoot), removed.Child("f:" + name), isRoot: false);
            return;
        }

        var oldItems = Keyed((JsonArray)old!, schema);
        var newItems = Keyed((JsonArray)@new!, schema);
        foreach (var (element, item) in newItems)
        {
            if (oldItems.TryGetValue(element, out var was))
            {
                if (schema.ListType == ListType.Map)
                    CompareChild(was, item, schema.Items!, element, changed, removed);
                continue;
            }

            var place = changed.Child(element);
            place.Member = true;
            if (schema.ListType == ListType.Map)
                Collect(item, schema.Items!, place, isRoot: false);
        }

        foreach (var (element, item) in oldItems)
        {
            if (newItems.ContainsKey(element))
                continue;
            var place = removed.Child(element);
            place.Member = true;
            if (schema.ListType == ListType.Map)
                Collect(item, schema.Items!, place, isRoot: false);
        }
    }

    private static void CompareChild(
        JsonNode? old,
        JsonNode? @new,
        StructuralSchema schema,
        string element,
        FieldSet changed,
        FieldSet removed
    )
    {
        var below = new FieldSet();
        var gone = new FieldSet();
        Compare(old, @new, schema, below, gone, isRoot: false);
        if (!below.IsEmpty)
            changed.Children[element] = below;
        if (!gone.IsEmpty)
            removed.Children[element] = gone;
    }

    private static Dictionary<string, JsonNode?> Keyed(JsonArray items, StructuralSchema schema)
    {
        var keyed = new Dictionary<string, JsonNode?>(StringComparer.Ordinal);
        foreach (var item in items)
            keyed.TryAdd(Element(item, schema), item);
        return keyed;
    }
}
