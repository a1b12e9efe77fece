using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;

namespace MeshOperator.Kubernetes.Status;

/// <summary>Writes the status of objects of one kind by server-side apply, and only when it says something else than what is
/// there.</summary>
/// <remarks>Each write carries the UID and the resource version of the object it was decided on. So a write of a replica that no longer
/// leads is refused by the API server once the new leader, or anyone, has written to the object; and after a refusal the object is
/// read again and written to only if this replica still leads and the object's generation is the one that the status is about.</remarks>
/// <typeparam name="TEntity">An entity type with a status subresource.</typeparam>
public sealed class StatusWriter<TEntity>(EntityClient<TEntity> client, ILeadership leadership)
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    private const int MostConflicts = 5;

    /// <summary>What was written on top of which version, until the informer has seen it.</summary>
    private readonly ConcurrentDictionary<ObjectKey, (string Before, TEntity Written)> _written = new();

    /// <summary>An object as an informer has it, or as this writer left it if the informer has not seen that yet.</summary>
    public TEntity Latest(TEntity cached)
    {
        var key = ObjectKey.From(cached);
        if (!_written.TryGetValue(key, out var own))
            return cached;
        var version = cached.Metadata.ResourceVersion;
        if (version == own.Before || ResourceVersion.IsOlder(version, own.Written.Metadata.ResourceVersion))
            return own.Written;
        _written.TryRemove(new KeyValuePair<ObjectKey, (string, TEntity)>(key, own));
        return cached;
    }

    /// <summary>Forgets an object that is gone.</summary>
    public void Forget(ObjectKey key) => _written.TryRemove(key, out _);

    /// <summary>Writes a status.</summary>
    /// <param name="cached">The object that the status is about, as an informer has it.</param>
    /// <param name="status">The whole status; a field that is missing here and was applied before is removed.</param>
    /// <param name="fieldManager">The manager of the fields.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The object with the status; null when it was not written since the object has gone or changed, or this replica no longer
    /// leads.</returns>
    /// <exception cref="KubernetesApiException">The API server refused it for another reason.</exception>
    public async Task<TEntity?> WriteAsync<TStatus>(TEntity cached, TStatus status, string fieldManager, CancellationToken cancellation)
        where TStatus : class
    {
        var key = ObjectKey.From(cached);
        var current = Latest(cached);
        var wanted = EntityJson.ToNode(status);
        for (var conflicts = 0; ; conflicts++)
        {
            if (JsonNode.DeepEquals(ReadStatus(current), wanted))
                return current;
            var fields = new JsonObject
            {
                ["metadata"] = new JsonObject { ["uid"] = current.Metadata.Uid, ["resourceVersion"] = current.Metadata.ResourceVersion },
                ["status"] = wanted.DeepClone(),
            };
            try
            {
                var written = await client.ApplyAsync(key, fields, fieldManager, "status", cancellation);
                _written[key] = (cached.Metadata.ResourceVersion, written);
                return written;
            }
            catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
            {
                return null;
            }
            catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.Conflict && conflicts < MostConflicts)
            {
                if (!leadership.IsLeader)
                    return null;
                var live = await client.GetAsync(key, cancellation);
                if (live is null || live.Metadata.Uid != cached.Metadata.Uid || live.Metadata.Generation != cached.Metadata.Generation)
                    return null;
                current = live;
            }
        }
    }

    private static JsonNode? ReadStatus(TEntity entity) => EntityJson.ToNode(entity)["status"];
}
