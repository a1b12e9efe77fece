using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Schemas;

/// <summary>Holds a custom resource against its schema, in the words of the real API server.</summary>
internal sealed class SchemaValidation(FieldErrors errors)
{
    public static void Validate(JsonObject content, StructuralSchema schema, FieldErrors errors)
    {
        var validation = new SchemaValidation(errors);
        foreach (var name in schema.Required)
            if (content[name] is null)
                errors.Required(name);
        foreach (var (name, property) in schema.Properties)
            if (name is not ("apiVersion" or "kind" or "metadata") && content.TryGetPropertyValue(name, out var value))
                validation.Value(value, property, name);
        validation.Combinations(content, schema, "");
    }

    private void Value(JsonNode? value, StructuralSchema schema, string path)
    {
        if (value is null)
        {
            if (!schema.Nullable && schema.Type != SchemaType.Any)
                errors.WrongType(path, value, TypeName(schema.Type));
            return;
        }

        if (!TypeFits(value, schema))
        {
            errors.WrongType(path, value, schema.IntOrString ? "integer,string" : TypeName(schema.Type));
            return;
        }

        if (schema.Enum is { } allowed && !allowed.Any(a => JsonAccess.Same(a, value)))
            errors.NotSupported(path, value, allowed.Select(FieldErrors.Shown));
        switch (value)
        {
            case JsonObject fields:
                Fields(fields, schema, path);
                break;
            case JsonArray items:
                Items(items, schema, path);
                break;
            default:
                if (value.AsText() is { } text)
                    Text(text, value, schema, path);
                else if (value.AsNumber() is { } number)
                    Number(number, value, schema, path);
                break;
        }

        Combinations(value, schema, path);
    }

    private void Fields(JsonObject fields, StructuralSchema schema, string path)
    {
        foreach (var name in schema.Required)
            if (!fields.ContainsKey(name))
                errors.Required(Child(path, name));
        if (schema.MinProperties is { } min && fields.Count < min)
            errors.Invalid(path, fields.Count, Words($"{path} in body should have at least {min} properties"));
        if (schema.MaxProperties is { } max && fields.Count > max)
            errors.TooMany(path, fields.Count, max);
        foreach (var (name, value) in fields)
            if (schema.Field(name) is { } property)
                Value(value, property, Child(path, name));
    }

    private void Items(JsonArray items, StructuralSchema schema, string path)
    {
        if (schema.MinItems is { } min && items.Count < min)
            errors.Invalid(path, items.Count, Words($"{path} in body should have at least {min} items"));
        if (schema.MaxItems is { } max && items.Count > max)
            errors.TooMany(path, items.Count, max);
        for (var i = 0; i < items.Count; i++)
            if (schema.Items is not null)
                Value(items[i], schema.Items, Words($"{path}[{i}]"));
        if (schema.UniqueItems && schema.ListType == ListType.Atomic && items.Select(JsonText.EncodeText).Distinct().Count() < items.Count)
            errors.Invalid(path, items, $"{path} in body shouldn't contain duplicates");
        if (schema.ListType != ListType.Atomic)
            UniqueKeys(items, schema, path);
    }

    private void UniqueKeys(JsonArray items, StructuralSchema schema, string path)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < items.Count; i++)
        {
            var key = items[i]?.DeepClone();
            if (schema.ListType == ListType.Map)
            {
                if (items[i] is not JsonObject item)
                    continue;
                var keys = new JsonObject();
                foreach (var name in schema.ListMapKeys.Order(StringComparer.Ordinal))
                    if (item[name] is { } part)
                        keys[name] = part.DeepClone();
                key = keys;
            }

            if (!seen.Add(JsonText.EncodeText(key)))
                errors.Duplicate(Words($"{path}[{i}]"), key);
        }
    }

    private void Text(string text, JsonNode value, StructuralSchema schema, string path)
    {
        var length = text.EnumerateRunes().Count();
        if (schema.MaxLength is { } max && length > max)
            errors.TooLong(path, max);
        else if (schema.MinLength is { } min && length < min)
            errors.Invalid(path, value, Words($"{path} in body should be at least {min} chars long"));
        else if (schema.Pattern is { } pattern && !pattern.IsMatch(text))
            errors.Invalid(path, value, $"{path} in body should match '{schema.PatternText}'");
        if (schema.Format is { } format && !StringFormats.Fits(format, text))
            errors.Invalid(path, value, $"{path} in body must be of type {format}: {FieldErrors.Shown(value)}");
    }

    private void Number(double number, JsonNode value, StructuralSchema schema, string path)
    {
        if (schema.Minimum is { } min && (schema.ExclusiveMinimum ? number <= min : number < min))
            errors.Invalid(
                path,
                value,
                Words($"{path} in body should be greater than {(schema.ExclusiveMinimum ? "" : "or equal to ")}{min}")
            );
        if (schema.Maximum is { } max && (schema.ExclusiveMaximum ? number >= max : number > max))
            errors.Invalid(
                path,
                value,
                Words($"{path} in body should be less than {(schema.ExclusiveMaximum ? "" : "or equal to ")}{max}")
            );
        if (schema.MultipleOf is { } factor && factor > 0 && Math.Abs(Math.IEEERemainder(number, factor)) > 1e-9)
            errors.Invalid(path, value, Words($"{path} in body should be a multiple of {factor}"));
        if (schema.Format == "int32" && number is < int.MinValue or > int.MaxValue)
            errors.Invalid(path, value, Words($"{path} in body must be of type int32: \"{number}\""));
    }

    private void Combinations(JsonNode value, StructuralSchema schema, string path)
    {
        if (schema.AllOf.Count == 0 && schema.AnyOf.Count == 0 && schema.OneOf.Count == 0 && schema.Not is null)
            return;
        var field = path.Length == 0 ? "<nil>" : path;
        foreach (var part in schema.AllOf)
            Value(value, part, path);
        if (schema.AnyOf.Count > 0 && !schema.AnyOf.Any(part => Fits(value, part)))
            errors.Invalid(field, value.DeepClone(), $"\"{path}\" must validate at least one schema (anyOf)");
        if (schema.OneOf.Count > 0 && schema.OneOf.Count(part => Fits(value, part)) is var count && count != 1)
            errors.Invalid(
                field,
                value.DeepClone(),
                $"\"{path}\" must validate one and only one schema (oneOf). "
                    + $"{(count == 0 ? "Found none valid" : Words($"Found {count} valid alternatives"))}"
            );
        if (schema.Not is { } not && Fits(value, not))
            errors.Invalid(field, value.DeepClone(), $"\"{path}\" must not validate the schema (not)");
    }

    private static bool Fits(JsonNode value, StructuralSchema schema)
    {
        var tried = new FieldErrors();
        new SchemaValidation(tried).Value(value, schema, "");
        return !tried.Any;
    }

    private static bool TypeFits(JsonNode value, StructuralSchema schema) =>
        schema.IntOrString
            ? value.AsText() is not null || value.AsInteger() is not null
            : schema.Type switch
            {
                SchemaType.Object => value is JsonObject,
                SchemaType.Array => value is JsonArray,
                SchemaType.String => value.AsText() is not null,
                SchemaType.Integer => value.AsInteger() is not null,
                SchemaType.Number => value.AsNumber() is not null,
                SchemaType.Boolean => value.Kind() is JsonValueKind.True or JsonValueKind.False,
                _ => true,
            };

    private static string TypeName(SchemaType type) => type.ToString().ToLowerInvariant();

    private static string Child(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    private static string Words(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
