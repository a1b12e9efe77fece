using System.Globalization;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Patches;

/// <summary>RFC 6902.</summary>
internal static class JsonPatch
{
    private const int MaxOperations = 10_000;

    /// <summary>Applies the operations in order.</summary>
    /// <exception cref="PatchException">An operation cannot be applied.</exception>
    public static JsonNode? Apply(JsonNode? document, JsonArray operations)
    {
        if (operations.Count > MaxOperations)
            throw new PatchException($"The allowed maximum operations in a JSON patch is {MaxOperations}, got {operations.Count}");
        foreach (var operation in operations)
            document = One(document, operation as JsonObject ?? throw new PatchException("a JSON patch operation must be an object"));
        return document;
    }

    private static JsonNode? One(JsonNode? document, JsonObject operation)
    {
        var path = operation.Text("path") ?? throw new PatchException("missing value");
        switch (operation.Text("op"))
        {
            case "add":
                return Add(document, path, Value(operation));
            case "remove":
                return Remove(document, path, out _);
            case "replace":
                if (path.Length > 0 && !TryFind(document, path, out _))
                    throw new PatchException($"replace operation does not apply: doc is missing key: {path}: missing value");
                return path.Length == 0 ? Value(operation) : Replace(document, path, Value(operation));
            case "move":
                document = Remove(document, From(operation), out var moved);
                return Add(document, path, moved);
            case "copy":
                if (!TryFind(document, From(operation), out var copied))
                    throw new PatchException($"copy operation does not apply: doc is missing from path: {From(operation)}: missing value");
                return Add(document, path, copied?.DeepClone());
            case "test":
                var found = TryFind(document, path, out var actual);
                if ((!found && operation["value"] is not null) || (found && !JsonAccess.Same(actual, operation["value"])))
                    throw new PatchException($"testing value {path} failed: test failed");
                return document;
            default:
                throw new PatchException($"Unexpected kind: {operation.Text("op")}");
        }
    }

    private static JsonNode? Value(JsonObject operation) =>
        operation.ContainsKey("value")
            ? operation["value"]?.DeepClone()
            : throw new PatchException($"{operation.Text("op")} operation does not apply: missing value");

    private static string From(JsonObject operation) => operation.Text("from") ?? throw new PatchException("missing from");

    private static string[] Steps(string path)
    {
        if (path.Length == 0)
            return [];
        if (path[0] != '/')
            throw new PatchException($"path {path} must begin with '/'");
        return
        [
            .. path[1..]
                .Split('/')
                .Select(s => s.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)),
        ];
    }

    private static bool TryFind(JsonNode? document, string path, out JsonNode? value)
    {
        value = document;
        foreach (var step in Steps(path))
        {
            switch (value)
            {
                case JsonObject fields when fields.TryGetPropertyValue(step, out var field):
                    value = field;
                    break;
                case JsonArray items
                    when int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < items.Count:
                    value = items[index];
                    break;
                default:
                    return false;
            }
        }

        return true;
    }

    private static JsonNode Parent(JsonNode? document, string path, string operation, out string last)
    {
        var slash = path.LastIndexOf('/');
        last = Steps(path)[^1];
        return TryFind(document, path[..slash], out var parent) && parent is JsonObject or JsonArray
            ? parent
            : throw new PatchException($"{operation} operation does not apply: doc is missing path: {path}: missing value");
    }

    private static JsonNode? Add(JsonNode? document, string path, JsonNode? value)
    {
        if (path.Length == 0)
            return value;
        switch (Parent(document, path, "add", out var last))
        {
            case JsonObject fields:
                fields[last] = value;
                break;
            case JsonArray items when last == "-":
                items.Add(value);
                break;
            case JsonArray items:
                items.Insert(Index(last, items.Count, "add", path), value);
                break;
        }

        return document;
    }

    private static JsonNode? Replace(JsonNode? document, string path, JsonNode? value)
    {
        switch (Parent(document, path, "replace", out var last))
        {
            case JsonObject fields:
                fields[last] = value;
                break;
            case JsonArray items:
                items[Index(last, items.Count - 1, "replace", path)] = value;
                break;
        }

        return document;
    }

    private static JsonNode? Remove(JsonNode? document, string path, out JsonNode? removed)
    {
        if (path.Length == 0)
            throw new PatchException("remove operation does not apply: the whole document cannot be removed");
        switch (Parent(document, path, "remove", out var last))
        {
            case JsonObject fields:
                if (!fields.Remove(last, out removed))
                    throw new PatchException($"remove operation does not apply: doc is missing path: {path}: missing value");
                break;
            case JsonArray items:
                var index = Index(last, items.Count - 1, "remove", path);
                removed = items[index];
                items.RemoveAt(index);
                break;
            default:
                removed = null;
                break;
        }

        return document;
    }

    private static int Index(string step, int max, string operation, string path) =>
        int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index <= max
            ? index
            : throw new PatchException($"{operation} operation does not apply: doc is missing path: {path}: invalid array index");
}

/// <summary>A patch that does not fit the object.</summary>
internal sealed class PatchException(string message) : Exception(message);
