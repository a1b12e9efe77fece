using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;

namespace MeshOperator.Kubernetes.Client;

/// <summary>Reads and writes objects of one kind.</summary>
/// <typeparam name="T">An entity type with <see cref="KubernetesEntityAttribute"/>.</typeparam>
public sealed class EntityClient<T>
    where T : IKubernetesObject<V1ObjectMeta>
{
    private const string Json = "application/json";
    private readonly KubernetesTransport _transport;
    private readonly ResourceKind _kind = ResourceKind.ForEntity<T>();

    /// <summary>Makes a client over a transport.</summary>
    public EntityClient(KubernetesTransport transport) => _transport = transport;

    /// <summary>The object, or null when there is none.</summary>
    public async Task<T?> GetAsync(ObjectKey key, CancellationToken cancellation)
    {
        try
        {
            return Read(await _transport.SendAsync(HttpMethod.Get, _kind.Path(key.Namespace, key.Name), null, Json, cancellation));
        }
        catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return default;
        }
    }

    /// <summary>All objects of all namespaces, in one list.</summary>
    public async Task<IReadOnlyList<T>> ListAsync(CancellationToken cancellation)
    {
        var answer = await _transport.SendAsync(HttpMethod.Get, _kind.Path(), null, Json, cancellation);
        using var list = JsonDocument.Parse(answer);
        return EntityJson.DeserializeItems<T>(list.RootElement);
    }

    /// <summary>Creates an object and returns it as the server keeps it.</summary>
    public async Task<T> CreateAsync(T entity, CancellationToken cancellation)
    {
        (entity.ApiVersion, entity.Kind) = (_kind.ApiVersion, _kind.Kind);
        var path = _kind.Path(entity.Metadata.NamespaceProperty);
        return Read(await _transport.SendAsync(HttpMethod.Post, $"{path}?fieldManager=mesh-operator", Write(entity), Json, cancellation));
    }

    /// <summary>Replaces an object; with a resource version in its metadata only if it is still that.</summary>
    public async Task<T> ReplaceAsync(T entity, CancellationToken cancellation)
    {
        (entity.ApiVersion, entity.Kind) = (_kind.ApiVersion, _kind.Kind);
        var path = _kind.Path(entity.Metadata.NamespaceProperty, entity.Metadata.Name);
        return Read(await _transport.SendAsync(HttpMethod.Put, $"{path}?fieldManager=mesh-operator", Write(entity), Json, cancellation));
    }

    /// <summary>Applies fields to an object on the server's side, and takes over those that others hold.</summary>
    /// <param name="key">The object.</param>
    /// <param name="fields">The fields without <c>apiVersion</c>, <c>kind</c> and <c>metadata.name</c>.</param>
    /// <param name="fieldManager">The fields' manager.</param>
    /// <param name="subresource">For example <c>status</c>; null for the object itself.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task<T> ApplyAsync(
        ObjectKey key,
        JsonObject fields,
        string fieldManager,
        string? subresource,
        CancellationToken cancellation
    )
    {
        var body = (JsonObject)fields.DeepClone();
        body["apiVersion"] = _kind.ApiVersion;
        body["kind"] = _kind.Kind;
        if (body["metadata"] is not JsonObject metadata)
            body["metadata"] = metadata = [];
        metadata["name"] = key.Name;
        if (key.Namespace.Length > 0)
            metadata["namespace"] = key.Namespace;
        var path = $"{_kind.Path(key.Namespace, key.Name, subresource)}?fieldManager={Uri.EscapeDataString(fieldManager)}&force=true";
        var answer = await _transport.SendAsync(
            HttpMethod.Patch,
            path,
            Encoding.UTF8.GetBytes(body.ToJsonString()),
            "application/apply-patch+yaml",
            cancellation
        );
        return Read(answer);
    }

    /// <summary>Patches an object by JSON merge patch (RFC 7386).</summary>
    public async Task<T> MergePatchAsync(ObjectKey key, JsonObject patch, CancellationToken cancellation)
    {
        var path = $"{_kind.Path(key.Namespace, key.Name)}?fieldManager=mesh-operator";
        return Read(
            await _transport.SendAsync(
                HttpMethod.Patch,
                path,
                Encoding.UTF8.GetBytes(patch.ToJsonString()),
                "application/merge-patch+json",
                cancellation
            )
        );
    }

    /// <summary>Deletes an object; it is no error when there is none.</summary>
    public async Task DeleteAsync(ObjectKey key, CancellationToken cancellation)
    {
        try
        {
            await _transport.SendAsync(HttpMethod.Delete, _kind.Path(key.Namespace, key.Name), null, Json, cancellation);
        }
        catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.NotFound) { }
    }

    private static T Read(byte[] json) => EntityJson.Deserialize<T>(new MemoryStream(json));

    private static byte[] Write(T entity) => Encoding.UTF8.GetBytes(EntityJson.Serialize(entity));
}
