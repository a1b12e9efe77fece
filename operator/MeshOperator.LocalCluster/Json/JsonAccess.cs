using System.Text.Json;
using System.Text.Json.Nodes;

namespace MeshOperator.LocalCluster.Json;

/// <summary>Short ways to read and shape Kubernetes objects held as <see cref="JsonObject"/>.</summary>
internal static class JsonAccess
{
    public static JsonObject? Object(this JsonNode? node, string key) => (node as JsonObject)?[key] as JsonObject;

    public static JsonArray? Array(this JsonNode? node, string key) => (node as JsonObject)?[key] as JsonArray;

    public static string? Text(this JsonNode? node, string key) => ((node as JsonObject)?[key]).AsText();

    public static string? AsText(this JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    public static long? Integer(this JsonNode? node, string key) => ((node as JsonObject)?[key]).AsInteger();

    public static long? AsInteger(this JsonNode? node)
    {
        if (node is not JsonValue value)
            return null;
        if (value.TryGetValue<long>(out var number))
            return number;
        if (value.TryGetValue<int>(out var small))
            return small;
        return value.TryGetValue<double>(out var real) && real == Math.Floor(real) && Math.Abs(real) < 9e18 ? (long)real : null;
    }

    public static double? AsNumber(this JsonNode? node)
    {
        if (node is not JsonValue value)
            return null;
        if (value.TryGetValue<long>(out var number))
            return number;
        if (value.TryGetValue<int>(out var small))
            return small;
        return value.TryGetValue<double>(out var real) ? real : null;
    }

    public static bool? Flag(this JsonNode? node, string key) => ((node as JsonObject)?[key]).AsFlag();

    public static bool? AsFlag(this JsonNode? node) => node is JsonValue value && value.TryGetValue<bool>(out var flag) ? flag : null;

    public static IEnumerable<JsonObject> Objects(this JsonNode? node, string key) => node.Array(key)?.OfType<JsonObject>() ?? [];

    public static IEnumerable<string> Texts(this JsonNode? node, string key) => node.Array(key)?.Select(AsText).OfType<string>() ?? [];

    public static JsonNode? At(this JsonNode? node, string dottedPath)
    {
        foreach (var step in dottedPath.Split('.'))
            node = (node as JsonObject)?[step];
        return node;
    }

    public static JsonObject Ensure(this JsonObject node, string key)
    {
        if (node[key] is JsonObject existing)
            return existing;
        var made = new JsonObject();
        node[key] = made;
        return made;
    }

    /// <summary>Sets a field that is absent or null.</summary>
    public static void Default(this JsonObject node, string key, JsonNode? value)
    {
        if (node[key] is null)
            node[key] = value;
    }

    public static JsonObject Meta(this JsonObject node) => node.Ensure("metadata");

    public static string Name(this JsonObject node) => node.Object("metadata").Text("name") ?? "";

    public static string Namespace(this JsonObject node) => node.Object("metadata").Text("namespace") ?? "";

    public static string Uid(this JsonObject node) => node.Object("metadata").Text("uid") ?? "";

    public static Dictionary<string, string> StringMap(this JsonNode? node)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        if (node is JsonObject fields)
            foreach (var (key, value) in fields)
                map[key] = value.AsText() ?? "";
        return map;
    }

    public static JsonObject Copy(this JsonObject node) => (JsonObject)node.DeepClone();

    /// <summary>The JSON kind, also of values that were made rather than parsed.</summary>
    public static JsonValueKind Kind(this JsonNode? node) => node?.GetValueKind() ?? JsonValueKind.Null;

    public static bool Same(JsonNode? left, JsonNode? right) => JsonNode.DeepEquals(left, right);
}
