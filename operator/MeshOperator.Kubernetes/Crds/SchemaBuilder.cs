using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Kubernetes.Crds;

/// <summary>Makes a structural OpenAPI v3 schema of a type (see "Specifying a structural schema" in Kubernetes' documentation of
/// custom resources).</summary>
internal sealed class SchemaBuilder
{
    private readonly Dictionary<Assembly, XmlDocumentation> _documentation = [];

    /// <summary>How many objects lie around the property that is written: 2 for those that stand directly in the spec.</summary>
    private int _depth;

    public JsonObject Object(Type type)
    {
        var properties = new JsonObject();
        var required = new JsonArray();
        _depth++;
        foreach (var property in SerialisedProperties(type))
        {
            var name = JsonName(property);
            properties[name] = Property(property);
            if (property.GetCustomAttribute<RequiredAttribute>() is not null)
                required.Add(name);
        }

        _depth--;
        var schema = new JsonObject { ["type"] = "object" };
        if (Documentation(type).FindSummary(type) is { } description)
            schema["description"] = description;
        // The API server drops an empty one, which would then differ from what is applied.
        if (properties.Count > 0)
            schema["properties"] = properties;
        if (required.Count > 0)
            schema["required"] = required;
        AddRules(schema, type);
        return schema;
    }

    public JsonObject Property(PropertyInfo property)
    {
        var schema = ForType(property.PropertyType, property);
        var @default = property.GetCustomAttribute<DefaultValueAttribute>() is { } attribute ? ToJson(attribute.Value) : null;
        var description = FindDescription(property);
        if (description is not null)
            schema["description"] = WithDefault(WithEnumValues(description, property.PropertyType), @default);
        if (@default is not null && _depth == 2)
            schema["default"] = @default;
        AddRules(schema, property);
        return schema;
    }

    public static string JsonName(PropertyInfo property) =>
        property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? JsonNamingPolicy.CamelCase.ConvertName(property.Name);

    private static IEnumerable<PropertyInfo> SerialisedProperties(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p is { CanRead: true, CanWrite: true } && p.GetCustomAttribute<JsonIgnoreAttribute>() is null)
            .OrderBy(p => p.MetadataToken);

    private static void AddRules(JsonObject schema, MemberInfo member)
    {
        var rules = member
            .GetCustomAttributes<ValidationRuleAttribute>()
            .Select(r => new JsonObject { ["rule"] = r.Rule, ["message"] = r.Message })
            .ToList();
        if (member.GetCustomAttribute<DurationAttribute>() is not null)
            rules.Insert(0, DurationRule());
        if (rules.Count == 0)
            return;
        if (schema["x-kubernetes-validations"] is not JsonArray all)
            schema["x-kubernetes-validations"] = all = [];
        foreach (var rule in rules)
            all.Add(rule);
    }

    /// <summary>API servers before 1.27 show the plain message.</summary>
    private static JsonObject DurationRule() =>
        new()
        {
            ["rule"] = $"self.matches('{DurationAttribute.Pattern}')",
            ["message"] = $"the value {DurationAttribute.Message}",
            ["messageExpression"] = $"\"'\" + self + \"' {DurationAttribute.Message}\"",
        };

    private static void AddNumberBounds(JsonObject schema, PropertyInfo property)
    {
        if (property.GetCustomAttribute<RangeMinimumAttribute>() is { } minimum)
            schema["minimum"] = Number(minimum.Minimum);
        if (property.GetCustomAttribute<RangeMaximumAttribute>() is { } maximum)
            schema["maximum"] = Number(maximum.Maximum);
    }

    private static JsonValue ToJson(object value) =>
        value switch
        {
            string text => JsonValue.Create(text),
            bool flag => JsonValue.Create(flag),
            int or double => Number(Convert.ToDouble(value, CultureInfo.InvariantCulture)),
            Enum => JsonValue.Create(value.ToString()!),
            _ => throw new NotSupportedException($"A default of type {value.GetType()} has no schema."),
        };

    private static JsonValue Number(double value) => value == Math.Floor(value) ? JsonValue.Create((long)value) : JsonValue.Create(value);

    private static JsonObject String(PropertyInfo property)
    {
        var schema = new JsonObject { ["type"] = "string" };
        if (property.GetCustomAttribute<EnumValuesAttribute>() is { } values)
            schema["enum"] = new JsonArray([.. values.Values.Select(v => JsonValue.Create(v))]);
        if (property.GetCustomAttribute<DurationAttribute>() is not null)
            schema["maxLength"] = 32;
        if (property.GetCustomAttribute<PatternAttribute>() is { } pattern)
            schema["pattern"] = pattern.RegexPattern;
        if (property.GetCustomAttribute<LengthAttribute>() is not { } length)
            return schema;
        if (length.Minimum > 0)
            schema["minLength"] = length.Minimum;
        schema["maxLength"] = length.Maximum;
        return schema;
    }

    private JsonObject ForType(Type type, PropertyInfo property)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string))
            return String(property);
        if (type == typeof(bool))
            return new JsonObject { ["type"] = "boolean" };
        if (type == typeof(DateTime) || type == typeof(DateTimeOffset))
            return new JsonObject { ["type"] = "string", ["format"] = "date-time" };
        if (type == typeof(IntOrString))
            return new JsonObject { ["x-kubernetes-int-or-string"] = true };
        if (type == typeof(int) || type == typeof(long) || type == typeof(double))
        {
            var number = new JsonObject { ["type"] = type == typeof(double) ? "number" : "integer" };
            if (type != typeof(double))
                number["format"] = type == typeof(int) ? "int32" : "int64";
            AddNumberBounds(number, property);
            return number;
        }

        // metadata's schema is the API server's own.
        if (type == typeof(V1ObjectMeta))
            return new JsonObject { ["type"] = "object" };
        if (type.IsEnum)
            return new JsonObject
            {
                ["type"] = "string",
                ["enum"] = new JsonArray([.. Enum.GetNames(type).Select(v => JsonValue.Create(v))]),
            };

        if (DictionaryValue(type) is { } valueType)
        {
            var map = new JsonObject { ["type"] = "object", ["additionalProperties"] = ForType(valueType, property) };
            if (property.GetCustomAttribute<ItemsAttribute>() is { } entries)
                map["maxProperties"] = entries.Maximum;
            return map;
        }

        if (ListItem(type) is { } itemType)
            return List(itemType, property);
        if (type.IsClass && type.Namespace?.StartsWith("System", StringComparison.Ordinal) != true)
            return Object(type);
        throw new NotSupportedException($"{property.DeclaringType!.Name}.{property.Name} is of type {type}, which has no schema.");
    }

    private JsonObject List(Type itemType, PropertyInfo property)
    {
        var list = new JsonObject { ["type"] = "array", ["items"] = ForType(itemType, property) };
        if (property.GetCustomAttribute<ItemsAttribute>() is { } items)
        {
            if (items.Minimum > 0)
                list["minItems"] = items.Minimum;
            list["maxItems"] = items.Maximum;
        }

        if (property.GetCustomAttribute<ListMapKeysAttribute>() is { } keys)
        {
            list["x-kubernetes-list-type"] = "map";
            list["x-kubernetes-list-map-keys"] = new JsonArray([.. keys.Keys.Select(k => JsonValue.Create(k))]);
        }
        else
        {
            list["x-kubernetes-list-type"] = property.GetCustomAttribute<ListSetAttribute>() is null ? "atomic" : "set";
        }

        return list;
    }

    private static Type? ListItem(Type type) =>
        type.IsGenericType && typeof(IEnumerable).IsAssignableFrom(type) ? type.GetGenericArguments()[0] : null;

    private static Type? DictionaryValue(Type type) =>
        type.IsGenericType
        && type.GetGenericArguments() is [var key, var value]
        && key == typeof(string)
        && typeof(IEnumerable).IsAssignableFrom(type)
            ? value
            : null;

    private string? FindDescription(PropertyInfo property)
    {
        if (property.PropertyType == typeof(V1ObjectMeta))
            return null;
        // The docstring of a generic base's property says less than that of the type which stands there.
        return property.DeclaringType!.IsGenericType
            ? Documentation(property.PropertyType).FindSummary(property.PropertyType)
            : Documentation(property.DeclaringType).FindSummary(property);
    }

    private string WithEnumValues(string description, Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (ListItem(type) is { } item)
            type = item;
        if (!type.IsEnum)
            return description;
        var documentation = Documentation(type);
        return string.Join(' ', Enum.GetNames(type).Select(v => $"{v}: {documentation.FindSummary(type, v)}").Prepend(description));
    }

    /// <summary>`kubectl explain` shows a description, but not the schema's default.</summary>
    private static string WithDefault(string description, JsonNode? @default) =>
        @default switch
        {
            null => description,
            JsonValue value => $"{description} Default: {value}.",
            _ => $"{description} Default: {@default.ToJsonString()}.",
        };

    private XmlDocumentation Documentation(Type type)
    {
        if (!_documentation.TryGetValue(type.Assembly, out var documentation))
            _documentation[type.Assembly] = documentation = XmlDocumentation.ForAssembly(type.Assembly);
        return documentation;
    }
}
