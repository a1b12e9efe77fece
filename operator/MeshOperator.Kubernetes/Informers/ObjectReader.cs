using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Kubernetes.Informers;

/// <summary>Reads objects from the API server's answers and drops what is not to be kept. One object that does not fit its type must not
/// stop its whole kind: it is logged, and reported only by its key.</summary>
internal sealed class ObjectReader<T>(string resource, InformerOptions<T> options, ILogger logger)
    where T : class, IKubernetesObject<V1ObjectMeta>
{
    private const string Json = "application/json";
    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";

    /// <summary>What to ask for, most wanted first.</summary>
    public string Accept => options.ReadProtobuf is null ? Json : $"{ProtobufListReader.MediaType}, {Json};q=0.9";

    /// <summary>A page of a list, in the form that the server chose.</summary>
    /// <exception cref="InvalidDataException">It is no list, or an object is too long.</exception>
    public async Task<ListPage<T>> ReadPageAsync(Stream page, string? mediaType, CancellationToken cancellation)
    {
        var (items, unreadable) = (new List<T>(), new List<ObjectKey>());
        if (mediaType == ProtobufListReader.MediaType && options.ReadProtobuf is { } read)
        {
            var (version, next) = await new ProtobufListReader(resource, AddMessage).ReadAsync(page, cancellation);
            return new ListPage<T>(version, next, items, unreadable);
        }

        var metadata = await new ListReader(resource, Add).ReadAsync(page, cancellation);
        return new ListPage<T>(Text(metadata, "resourceVersion"), Text(metadata, "continue"), items, unreadable);

        void AddMessage(ReadOnlySequence<byte> item) => items.Add(Trimmed(read(item)));

        void Add(ArraySegment<byte> item)
        {
            var (key, _, entity) = TryRead(item);
            if (entity is not null)
                items.Add(entity);
            else
                unreadable.Add(key ?? throw new InvalidDataException($"The list of {resource} has an object without a name."));
        }
    }

    /// <summary>The object of a watch event; null in its place when it does not fit the type.</summary>
    /// <exception cref="InvalidDataException">It is no object at all.</exception>
    public (ObjectKey Key, string Version, T? Entity) Read(byte[] json) =>
        TryRead(json) is ({ } key, { } version, var entity)
            ? (key, version, entity)
            : throw new InvalidDataException($"An event of {resource} has an object without name or resourceVersion.");

    /// <summary>Reads what is JSON. There is no key when it has no name.</summary>
    private (ObjectKey? Key, string? Version, T? Entity) TryRead(ArraySegment<byte> json)
    {
        string why;
        try
        {
            var entity = EntityJson.Deserialize<T>(new MemoryStream(json.Array!, json.Offset, json.Count));
            if (entity?.Metadata?.Name is not null)
                return (ObjectKey.From(entity), entity.Metadata.ResourceVersion, Trimmed(entity));
            why = "it lacks metadata";
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            why = e.Message;
        }

        var node = JsonNode.Parse(json);
        if (FindKey(node) is not { } key)
            return default;
        Log.UnreadableObject(logger, resource, key.ToString(), why);
        return (key, Text(node!["metadata"], "resourceVersion"), null);
    }

    private T Trimmed(T entity)
    {
        entity.Metadata.ManagedFields = null;
        if (entity.Metadata.Annotations is { } annotations)
        {
            annotations.Remove(LastApplied);
            if (options.LongestAnnotation is { } longest)
            {
                foreach (var name in annotations.Where(a => a.Value?.Length > longest).Select(a => a.Key).ToArray())
                    annotations.Remove(name);
            }
        }

        options.Trim?.Invoke(entity);
        return entity;
    }

    private static ObjectKey? FindKey(JsonNode? node) =>
        node is JsonObject && node["metadata"] is JsonObject metadata && Text(metadata, "name") is { Length: > 0 } name
            ? new ObjectKey(Text(metadata, "namespace") ?? string.Empty, name)
            : null;

    private static string? Text(JsonNode? parent, string name) =>
        parent is JsonObject map && map[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static bool IsUnreadable(Exception e) =>
        e
            is JsonException
                or FormatException
                or InvalidOperationException
                or NotSupportedException
                or ArgumentException
                or OverflowException
                or NullReferenceException;
}

/// <summary>A page of a list.</summary>
/// <param name="Version">The list's version; null when it has none.</param>
/// <param name="Continue">Where the list goes on; null or empty at its end.</param>
/// <param name="Items">The objects.</param>
/// <param name="Unreadable">The keys of those that do not fit the type.</param>
internal sealed record ListPage<T>(string? Version, string? Continue, List<T> Items, List<ObjectKey> Unreadable);
