using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeshOperator.Kubernetes.Manifests;

namespace MeshOperator.Generation;

/// <summary><c>values.schema.json</c>, by which Helm checks values: the structure, defaults and comments of <c>values.yaml</c>, and the
/// types of <see cref="ChartValueTypes"/>.</summary>
internal static class ChartSchema
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <param name="values">The text of the chart's <c>values.yaml</c>.</param>
    /// <exception cref="InvalidOperationException">A value has no type, or a type no value.</exception>
    public static string Create(string values)
    {
        var descriptions = HelmValuesPage.Read(values).ToDictionary(v => v.Path, v => v.Description, StringComparer.Ordinal);
        var types = ChartValueTypes.All.ToDictionary(StringComparer.Ordinal);
        var schema = Group(string.Empty, (JsonObject)YamlReader.ReadAll(values).Single().Root!, descriptions, types);
        if (types.Count > 0)
            throw new InvalidOperationException($"{nameof(ChartValueTypes)} has {types.Keys.First()}, which is no value of the chart");

        // Charts that have this one as a dependency with a condition say there whether they want it.
        schema["properties"]!["enabled"] = new JsonObject
        {
            ["type"] = "boolean",
            ["description"] = "For a condition of a parent chart. Without effect here.",
        };
        schema.Insert(0, "$schema", "http://json-schema.org/draft-07/schema#");
        schema.Insert(1, "title", "Values of the chart mesh-operator");
        return schema.ToJsonString(Indented) + "\n";
    }

    private static JsonObject Group(
        string path,
        JsonObject values,
        Dictionary<string, string> descriptions,
        Dictionary<string, JsonObject> types
    )
    {
        var properties = new JsonObject();
        foreach (var (name, value) in values)
            properties[name] = Value(path.Length == 0 ? name : $"{path}.{name}", value, descriptions, types);
        return new JsonObject
        {
            ["type"] = "object",
            ["properties"] = properties,
            // What a parent chart has for others is none of this chart's business.
            ["additionalProperties"] = path == "global",
        };
    }

    private static JsonObject Value(
        string path,
        JsonNode? value,
        Dictionary<string, string> descriptions,
        Dictionary<string, JsonObject> types
    )
    {
        JsonObject schema;
        if (types.Remove(path, out var type))
        {
            schema = (JsonObject)type.DeepClone();
            schema["default"] = value?.DeepClone();
        }
        else
        {
            schema = value is JsonObject group
                ? Group(path, group, descriptions, types)
                : throw new InvalidOperationException($"{nameof(ChartValueTypes)} lacks the value {path}");
        }

        if (descriptions.TryGetValue(path, out var description) && description.Length > 0)
            schema["description"] = description;
        return schema;
    }
}
