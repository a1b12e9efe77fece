using System.Text.Json.Nodes;
using k8s;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.Kubernetes.Admission;

/// <summary>Carries a change that was made to the typed form of an object over to the object as it was sent, which may have fields that
/// the type does not know, nulls where the type has nothing, and nothing where the type has a default.</summary>
public static class TypedChange
{
    /// <summary>Changes an object by its type.</summary>
    /// <typeparam name="TEntity">The type as which it is read.</typeparam>
    /// <param name="original">The object as it was sent or written.</param>
    /// <param name="change">Changes it in place.</param>
    /// <returns>The object with the change.</returns>
    /// <exception cref="System.Text.Json.JsonException">It does not fit the type.</exception>
    public static JsonNode? Edit<TEntity>(JsonNode original, Action<TEntity> change)
        where TEntity : class
    {
        var entity = EntityJson.Deserialize<TEntity>(original.ToJsonString());
        var before = EntityJson.ToNode(entity);
        change(entity);
        return Apply(original, before, EntityJson.ToNode(entity));
    }

    /// <summary>The object as sent with the change applied; what the change does not touch stays as it was sent.</summary>
    /// <param name="original">The object as it was sent.</param>
    /// <param name="before">Its typed form.</param>
    /// <param name="after">The typed form after the change.</param>
    public static JsonNode? Apply(JsonNode? original, JsonNode? before, JsonNode? after) =>
        JsonNode.DeepEquals(before, after) ? original?.DeepClone() : ApplyChange(original, before, after);

    private static JsonNode? ApplyChange(JsonNode? original, JsonNode? before, JsonNode? after) =>
        (before, after) switch
        {
            (JsonObject oldMap, JsonObject newMap) => ApplyToMap(original as JsonObject ?? [], oldMap, newMap),
            (JsonArray oldList, JsonArray newList) when original is JsonArray sent && sent.Count == oldList.Count => ApplyToList(
                sent,
                oldList,
                newList
            ),
            _ => after?.DeepClone(),
        };

    private static JsonObject ApplyToMap(JsonObject original, JsonObject before, JsonObject after)
    {
        var result = new JsonObject();
        foreach (var (name, sent) in original)
        {
            var wasKnown = before.TryGetPropertyValue(name, out var old);
            if (after.TryGetPropertyValue(name, out var value))
                result[name] = wasKnown ? Apply(sent, old, value) : value?.DeepClone();
            else if (!wasKnown)
                result[name] = sent?.DeepClone();
        }

        foreach (var (name, value) in after)
        {
            if (original.ContainsKey(name))
                continue;
            if (!before.TryGetPropertyValue(name, out var old))
                result[name] = value?.DeepClone();
            else if (!JsonNode.DeepEquals(old, value))
                result[name] = ApplyChange(null, old, value);
        }

        return result;
    }

    private static JsonArray ApplyToList(JsonArray original, JsonArray before, JsonArray after)
    {
        var result = new JsonArray();
        var taken = new bool[before.Count];
        var partners = new int[after.Count];
        // Elements that stayed as they are find their like first, so that they keep what the type does not know of them.
        for (var i = 0; i < after.Count; i++)
            partners[i] = Take(j => JsonNode.DeepEquals(before[j], after[i]));
        for (var i = 0; i < after.Count; i++)
        {
            if (partners[i] < 0 && FindName(after[i]) is { } name)
                partners[i] = Take(j => FindName(before[j]) == name);
        }

        // Lists of maps without names that only had elements changed.
        for (var i = 0; i < after.Count && after.Count == before.Count; i++)
        {
            if (partners[i] < 0 && !taken[i] && FindName(after[i]) is null && FindName(before[i]) is null)
            {
                taken[i] = true;
                partners[i] = i;
            }
        }

        for (var i = 0; i < after.Count; i++)
            result.Add(partners[i] < 0 ? after[i]?.DeepClone() : Apply(original[partners[i]], before[partners[i]], after[i]));
        return result;

        int Take(Func<int, bool> matches)
        {
            for (var j = 0; j < taken.Length; j++)
            {
                if (taken[j] || !matches(j))
                    continue;
                taken[j] = true;
                return j;
            }

            return -1;
        }
    }

    private static string? FindName(JsonNode? element) =>
        element is JsonObject map && map["name"] is JsonValue value && value.TryGetValue<string>(out var name) ? name : null;
}
