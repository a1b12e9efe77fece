using System.Globalization;
using System.Text.Json.Nodes;

namespace MeshOperator.Testing;

/// <summary>Applies JSON patches without any code of what makes them.</summary>
internal static class JsonPatch
{
    /// <summary>RFC 6902 by the letter, for add, remove and replace.</summary>
    public static JsonObject Apply(JsonObject document, JsonArray patch)
    {
        var result = (JsonObject)document.DeepClone();
        foreach (var operation in patch)
        {
            var path = ((string)operation!["path"]!)
                .Split('/')[1..]
                .Select(p => p.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))
                .ToArray();
            JsonNode parent = result;
            foreach (var segment in path[..^1])
                parent = parent is JsonArray l ? l[Index(segment)]! : parent[segment]!;
            var value = operation["value"]?.DeepClone();
            switch ((string)operation["op"]!, parent)
            {
                case ("add", JsonArray list):
                    list.Insert(Index(path[^1]), value);
                    break;
                case ("replace", JsonArray list):
                    list[Index(path[^1])] = value;
                    break;
                case ("remove", JsonArray list):
                    list.RemoveAt(Index(path[^1]));
                    break;
                case ("remove", JsonObject map) when map.Remove(path[^1]):
                    break;
                case ("add" or "replace", JsonObject map):
                    map[path[^1]] = value;
                    break;
                default:
                    throw new InvalidOperationException(operation.ToJsonString());
            }
        }

        return result;
    }

    private static int Index(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
