using System.Text.Json.Nodes;

namespace MeshOperator.LocalCluster.Schemas;

/// <summary>Fills in the defaults of a custom resource's schema.</summary>
internal static class SchemaDefaults
{
    public static void Apply(JsonNode? value, StructuralSchema schema)
    {
        switch (value)
        {
            case JsonObject fields:
                foreach (var (name, property) in schema.Properties)
                {
                    if (
                        property.DefaultValue is not null
                        && (fields.TryGetPropertyValue(name, out var existing) ? existing is null && !property.Nullable : true)
                    )
                        fields[name] = property.DefaultValue.DeepClone();
                    if (fields[name] is { } child)
                        Apply(child, property);
                }

                if (schema.AdditionalProperties is { } values)
                    foreach (var (name, child) in fields)
                        if (!schema.Properties.ContainsKey(name))
                            Apply(child, values);
                break;
            case JsonArray items when schema.Items is not null:
                foreach (var item in items)
                    Apply(item, schema.Items);
                break;
        }
    }
}
