using System.Text.Json;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Schemas;

/// <summary>
/// What decoding into typed structs does in the real API server: unknown fields fall away and are reported, nulls vanish,
/// and for the built-in kinds a value of the wrong type is refused.
/// </summary>
internal sealed class SchemaDecoding
{
    private readonly List<string> _unknown = [];
    private readonly IKindNames? _strictTypes;

    private SchemaDecoding(IKindNames? strictTypes) => _strictTypes = strictTypes;

    /// <summary>Drops what the kind does not know.</summary>
    /// <param name="content">The object.</param>
    /// <param name="schema">The kind's schema.</param>
    /// <param name="kind">Its names, for errors.</param>
    /// <param name="isStrict">Whether values of the wrong type are refused, as in built-in kinds.</param>
    /// <returns>The paths that were dropped.</returns>
    /// <exception cref="ApiException">A field of a built-in kind has the wrong type.</exception>
    public static IReadOnlyList<string> Decode(JsonObject content, StructuralSchema schema, IKindNames kind, bool isStrict)
    {
        var decoding = new SchemaDecoding(isStrict ? kind : null);
        decoding.Fields(content, schema, "", "", kind.Kind, isRoot: true);
        return decoding._unknown;
    }

    private void Fields(JsonObject fields, StructuralSchema schema, string path, string goPath, string owner, bool isRoot = false)
    {
        List<string>? removed = null;
        foreach (var (name, value) in fields)
        {
            var child = path.Length == 0 ? name : $"{path}.{name}";
            var property = schema.Field(name) ?? (isRoot || schema.EmbeddedResource ? Typed(name) : null);
            if (property is null)
            {
                if (schema.PreserveUnknownFields)
                    continue;
                _unknown.Add(child);
                (removed ??= []).Add(name);
            }
            else if (value is null)
            {
                if (_strictTypes is not null || (property.Type != SchemaType.Any && !property.Nullable))
                    (removed ??= []).Add(name);
            }
            else
            {
                Value(
                    value,
                    property,
                    child,
                    !schema.Properties.ContainsKey(name) ? goPath
                        : goPath.Length == 0 ? name
                        : $"{goPath}.{name}",
                    owner
                );
            }
        }

        if (removed is not null)
            foreach (var name in removed)
                fields.Remove(name);
    }

    private static StructuralSchema? Typed(string name) =>
        name switch
        {
            "apiVersion" or "kind" => new StructuralSchema { Type = SchemaType.String },
            "metadata" => ModelSchemas.ForModel(typeof(k8s.Models.V1ObjectMeta)),
            _ => null,
        };

    private void Value(JsonNode? value, StructuralSchema schema, string path, string goPath, string owner)
    {
        if (_strictTypes is not null)
            CheckType(value, schema, goPath, owner);
        switch (value)
        {
            case JsonObject fields when schema.Type == SchemaType.Object:
                Fields(fields, schema, path, goPath, schema.DefinitionName is { } name ? name[(name.LastIndexOf('.') + 1)..] : owner);
                break;
            case JsonArray items when schema.Items is not null:
                if (_strictTypes is not null)
                    items.RemoveAll(item => item is null);
                for (var i = 0; i < items.Count; i++)
                    Value(items[i], schema.Items, $"{path}[{i}]", goPath, owner);
                break;
        }
    }

    private void CheckType(JsonNode? value, StructuralSchema schema, string goPath, string owner)
    {
        var kind = value.Kind();
        var fits = schema switch
        {
            { IntOrString: true } => kind is JsonValueKind.String or JsonValueKind.Number,
            { Type: SchemaType.Any } => true,
            { Type: SchemaType.Object } => kind == JsonValueKind.Object,
            { Type: SchemaType.Array } => kind == JsonValueKind.Array,
            { Type: SchemaType.String } => kind == JsonValueKind.String,
            { Type: SchemaType.Boolean } => kind is JsonValueKind.True or JsonValueKind.False,
            { Type: SchemaType.Integer } => value.AsInteger() is { } number
                && (schema.Format != "int32" || number is >= int.MinValue and <= int.MaxValue),
            _ => kind == JsonValueKind.Number,
        };
        var because = fits
            ? BadFormat(value, schema)
            : $"json: cannot unmarshal {GoKind(value, kind)} into Go struct field {owner}.{goPath} of type {GoType(schema)}";
        if (because is not null)
            throw ApiError.BadRequest(
                $"{_strictTypes!.Kind} in version \"{_strictTypes.Version}\" cannot be handled as a {_strictTypes.Kind}: {because}"
            );
    }

    private static string? BadFormat(JsonNode? value, StructuralSchema schema)
    {
        if (value.AsText() is not { } text)
            return null;
        if (schema.IsQuantity && !Quantity.IsValid(text))
            return "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
        return schema.Format switch
        {
            "date-time" when !Rfc3339.IsValid(text) =>
                $"parsing time \"{text}\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"{text}\" as \"2006\"",
            "byte" when !Convert.TryFromBase64String(text, new byte[(text.Length * 3 / 4) + 3], out _) =>
                "illegal base64 data at input byte 0",
            _ => null,
        };
    }

    private static string GoKind(JsonNode? value, JsonValueKind kind) =>
        kind switch
        {
            JsonValueKind.String => "string",
            JsonValueKind.Number => value.AsInteger() is null ? "number " + FieldErrors.Shown(value) : "number",
            JsonValueKind.True or JsonValueKind.False => "bool",
            JsonValueKind.Array => "array",
            _ => "object",
        };

    private static string GoType(StructuralSchema schema) =>
        schema switch
        {
            { IntOrString: true } => "intstr.IntOrString",
            { Type: SchemaType.Array } => $"[]{(schema.Items is null ? "interface {}" : GoType(schema.Items))}",
            { Type: SchemaType.Object, DefinitionName: { } name } => "v1." + name[(name.LastIndexOf('.') + 1)..],
            { Type: SchemaType.Object, AdditionalProperties: { } values } => $"map[string]{GoType(values)}",
            { Type: SchemaType.Object } => "map[string]interface {}",
            { Type: SchemaType.Boolean } => "bool",
            { Type: SchemaType.Integer } => schema.Format ?? "int64",
            { Type: SchemaType.Number } => "float64",
            _ => "string",
        };
}
