using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Schemas;

/// <summary>Reads the openAPIV3Schema of a custom resource definition, and says where it is not structural.</summary>
internal static class CustomSchemas
{
    /// <summary>Reads a schema that was validated before, or <paramref name="errors"/> says what is wrong with it.</summary>
    /// <param name="json">The JSONSchemaProps.</param>
    /// <param name="path">Where it stands in the definition.</param>
    /// <param name="errors">Receives the faults.</param>
    /// <param name="structural">Whether a type is needed here: not inside allOf, anyOf, oneOf and not.</param>
    public static StructuralSchema Read(JsonObject json, string path, FieldErrors errors, bool structural = true)
    {
        var schema = new StructuralSchema
        {
            Source = json,
            Type = Type(json, path, errors),
            Description = json.Text("description"),
            Required = [.. json.Texts("required")],
            Enum = json.Array("enum"),
            Format = json.Text("format"),
            PatternText = json.Text("pattern"),
            Minimum = json["minimum"].AsNumber(),
            Maximum = json["maximum"].AsNumber(),
            ExclusiveMinimum = json.Flag("exclusiveMinimum") ?? false,
            ExclusiveMaximum = json.Flag("exclusiveMaximum") ?? false,
            MultipleOf = json["multipleOf"].AsNumber(),
            MinLength = json.Integer("minLength"),
            MaxLength = json.Integer("maxLength"),
            MinItems = json.Integer("minItems"),
            MaxItems = json.Integer("maxItems"),
            MinProperties = json.Integer("minProperties"),
            MaxProperties = json.Integer("maxProperties"),
            UniqueItems = json.Flag("uniqueItems") ?? false,
            DefaultValue = json["default"],
            Nullable = json.Flag("nullable") ?? false,
            PreserveUnknownFields = json.Flag("x-kubernetes-preserve-unknown-fields") ?? false,
            IntOrString = json.Flag("x-kubernetes-int-or-string") ?? false,
            EmbeddedResource = json.Flag("x-kubernetes-embedded-resource") ?? false,
            AtomicMap = json.Text("x-kubernetes-map-type") == "atomic",
            ListMapKeys = [.. json.Texts("x-kubernetes-list-map-keys")],
            ListType = json.Text("x-kubernetes-list-type") switch
            {
                "set" => ListType.Set,
                "map" => ListType.Map,
                _ => ListType.Atomic,
            },
        };
        if (structural && schema.Type == SchemaType.Any && !schema.IntOrString && !schema.PreserveUnknownFields)
            errors.Required(
                $"{path}.type",
                "must not be empty for specified " + (path.EndsWith(".items", StringComparison.Ordinal) ? "array items" : "object fields")
            );
        Children(json, schema, path, errors, structural);
        Pattern(schema, path, errors);
        Lists(json, schema, path, errors);
        return schema;
    }

    private static void Children(JsonObject json, StructuralSchema schema, string path, FieldErrors errors, bool structural)
    {
        foreach (var (name, property) in json.Object("properties") ?? [])
            if (property is JsonObject props)
                schema.Properties[name] = Read(props, $"{path}.properties[{name}]", errors, structural);
        if (json["additionalProperties"] is JsonObject values)
        {
            if (schema.Properties.Count > 0 && structural)
                errors.Forbidden($"{path}.additionalProperties", "additionalProperties and properties are mutual exclusive");
            schema.AdditionalProperties = Read(values, $"{path}.additionalProperties", errors, structural);
        }
        else if (json.Flag("additionalProperties") == true)
        {
            schema.PreserveUnknownFields = true;
        }

        if (json.Object("items") is { } items)
            schema.Items = Read(items, $"{path}.items", errors, structural);
        else if (schema.Type == SchemaType.Array && structural)
            errors.Required($"{path}.items", "must be specified");
        schema.AllOf = Branches(json, "allOf", path, errors);
        schema.AnyOf = schema.IntOrString ? [] : Branches(json, "anyOf", path, errors);
        schema.OneOf = Branches(json, "oneOf", path, errors);
        if (json.Object("not") is { } not)
            schema.Not = Read(not, $"{path}.not", errors, structural: false);
    }

    private static StructuralSchema[] Branches(JsonObject json, string keyword, string path, FieldErrors errors) =>
        [.. json.Objects(keyword).Select((branch, i) => Read(branch, $"{path}.{keyword}[{i}]", errors, structural: false))];

    private static SchemaType Type(JsonObject json, string path, FieldErrors errors)
    {
        switch (json.Text("type"))
        {
            case null or "":
                return SchemaType.Any;
            case "object":
                return SchemaType.Object;
            case "array":
                return SchemaType.Array;
            case "string":
                return SchemaType.String;
            case "integer":
                return SchemaType.Integer;
            case "number":
                return SchemaType.Number;
            case "boolean":
                return SchemaType.Boolean;
            default:
                errors.NotSupported(
                    $"{path}.type",
                    json["type"],
                    ["\"array\"", "\"boolean\"", "\"integer\"", "\"number\"", "\"object\"", "\"string\""]
                );
                return SchemaType.Any;
        }
    }

    private static void Pattern(StructuralSchema schema, string path, FieldErrors errors)
    {
        if (string.IsNullOrEmpty(schema.PatternText))
            return;
        try
        {
            schema.Pattern = GoPattern.Compile(schema.PatternText);
        }
        catch (ArgumentException e)
        {
            errors.Invalid($"{path}.pattern", schema.PatternText, $"must be a valid regular expression, but isn't: {e.Message}");
        }
    }

    private static void Lists(JsonObject json, StructuralSchema schema, string path, FieldErrors errors)
    {
        if (json.Text("x-kubernetes-list-type") is { } listType)
        {
            if (listType is not ("atomic" or "set" or "map"))
                errors.NotSupported($"{path}.x-kubernetes-list-type", listType, ["\"atomic\"", "\"map\"", "\"set\""]);
            if (schema.Type != SchemaType.Array)
                errors.Invalid($"{path}.type", json["type"], "must be array if x-kubernetes-list-type is specified");
        }

        if (schema.ListType == ListType.Map)
        {
            if (schema.ListMapKeys.Count == 0)
                errors.Required($"{path}.x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map");
            foreach (var key in schema.ListMapKeys)
                if (schema.Items?.Properties.ContainsKey(key) == false)
                    errors.Invalid($"{path}.x-kubernetes-list-map-keys", key, "entries must all be names of item properties");
                else if (schema.Items is { } item && item.Properties[key].DefaultValue is null && !item.Required.Contains(key))
                    errors.Required(
                        $"{path}.items.properties[{key}].default",
                        "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
                    );
        }

        if (json.Flag("uniqueItems") == true)
            errors.Forbidden($"{path}.uniqueItems", "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
        if (schema.DefaultValue is { } value)
        {
            var faults = new FieldErrors();
            var probe = new JsonObject { ["default"] = value.DeepClone() };
            var holder = new StructuralSchema { Type = SchemaType.Object };
            holder.Properties["default"] = schema;
            SchemaDefaults.Apply(probe, holder);
            SchemaValidation.Validate(probe, holder, faults);
            foreach (var fault in faults.All)
                errors.Invalid($"{path}.default", value.DeepClone(), fault.Message);
        }
    }
}
