using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Kubernetes.Informers;

/// <summary>Reads objects from the API server's answers and drops what is not to be kept. One object that does not fit its type must not
/// stop its whole kind: it is logged and told by its key alone.</summary>
internal sealed class ObjectReader<T>(string resource, InformerOptions<T> options, ILogger logger)
    where T : class, IKubernetesObject<V1ObjectMeta>
{
    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";

    /// <summary>A page of a list: the objects, and the keys of those that cannot be read.</summary>
    /// <exception cref="InvalidDataException">It is no list.</exception>
    public (V1ListMeta Metadata, List<T> Items, List<ObjectKey> Unreadable) ReadPage(byte[] json)
    {
        try
        {
            var page = KubernetesJson.Deserialize<ListPage<T>>(new MemoryStream(json));
            if (page.Items is not { } items || items.TrueForAll(i => i?.Metadata?.Name is not null))
                return (page.Metadata ?? new V1ListMeta(), [.. (page.Items ?? []).Select(Trimmed)], []);
        }
        catch (Exception e) when (IsUnreadable(e))
        {
        }

        return ReadPageOneByOne(json);
    }

    /// <summary>The object of a watch event; null in its place when it does not fit the type.</summary>
    /// <exception cref="InvalidDataException">It is no object at all.</exception>
    public (ObjectKey Key, string Version, T? Entity) Read(string json)
    {
        Exception why;
        try
        {
            var entity = KubernetesJson.Deserialize<T>(json);
            if (entity?.Metadata is { Name: not null, ResourceVersion: { } version }) return (ObjectKey.Of(entity), version, Trimmed(entity));
            why = new InvalidDataException("it lacks metadata");
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            why = e;
        }

        JsonNode? node;
        try
        {
            node = JsonNode.Parse(json);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"An event of {resource} is not JSON: {e.Message}", e);
        }

        if (KeyOf(node) is not { } key || Text(node!["metadata"], "resourceVersion") is not { } found)
            throw new InvalidDataException($"An event of {resource} has an object without name or resourceVersion.");
        Log.UnreadableObject(logger, resource, key.ToString(), why.Message);
        return (key, found, null);
    }

    private (V1ListMeta Metadata, List<T> Items, List<ObjectKey> Unreadable) ReadPageOneByOne(byte[] json)
    {
        JsonNode? list;
        try
        {
            list = JsonNode.Parse(json);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"The list of {resource} is not JSON: {e.Message}", e);
        }

        if (list is not JsonObject || list["metadata"] is not JsonObject metadata || list["items"] is not JsonArray array)
            throw new InvalidDataException($"The list of {resource} has no metadata or no items.");
        var (items, unreadable) = (new List<T>(), new List<ObjectKey>());
        foreach (var node in array)
        {
            var key = KeyOf(node) ?? throw new InvalidDataException($"The list of {resource} has an object without a name.");
            try
            {
                items.Add(Trimmed(KubernetesJson.Deserialize<T>(node!.ToJsonString())));
            }
            catch (Exception e) when (IsUnreadable(e))
            {
                Log.UnreadableObject(logger, resource, key.ToString(), e.Message);
                unreadable.Add(key);
            }
        }

        return (new V1ListMeta { ResourceVersion = Text(metadata, "resourceVersion"), ContinueProperty = Text(metadata, "continue") }, items, unreadable);
    }

    private T Trimmed(T entity)
    {
        entity.Metadata.ManagedFields = null;
        if (entity.Metadata.Annotations is { } annotations)
        {
            annotations.Remove(LastApplied);
            if (options.LongestAnnotation is { } longest)
            {
                foreach (var name in annotations.Where(a => a.Value?.Length > longest).Select(a => a.Key).ToArray()) annotations.Remove(name);
            }
        }

        options.Trim?.Invoke(entity);
        return entity;
    }

    private static ObjectKey? KeyOf(JsonNode? node) => node is JsonObject && node["metadata"] is JsonObject metadata && Text(metadata, "name") is { Length: > 0 } name
        ? new ObjectKey(Text(metadata, "namespace") ?? string.Empty, name)
        : null;

    private static string? Text(JsonNode? parent, string name) =>
        parent is JsonObject map && map[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static bool IsUnreadable(Exception e) =>
        e is JsonException or FormatException or InvalidOperationException or NotSupportedException or ArgumentException or OverflowException or NullReferenceException;
}
