using System.Net;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Kubernetes.Controllers;

/// <summary>A finalizer under its identifier.</summary>
internal sealed record EntityFinalizerRegistration<TEntity>(string Identifier, IEntityFinalizer<TEntity> Finalizer)
    where TEntity : class, IKubernetesObject<V1ObjectMeta>;

/// <summary>Attaches, runs and detaches the finalizers of a kind. Each change of the list carries the version of the object it was made
/// of, so that finalizers of others are never lost.</summary>
internal sealed class EntityFinalizers<TEntity>(
    IEnumerable<EntityFinalizerRegistration<TEntity>> registrations,
    EntityClient<TEntity> client,
    ILogger logger
)
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    private const int MostConflicts = 5;
    private readonly EntityFinalizerRegistration<TEntity>[] _finalizers = [.. registrations];

    /// <summary>The object with all finalizers attached; null when it has gone or is going.</summary>
    public Task<TEntity?> AttachAsync(TEntity entity, CancellationToken cancellation) =>
        EditAsync(
            entity,
            e =>
                e.Metadata.DeletionTimestamp is not null
                    ? null
                    : [.. ReadFinalizers(e), .. _finalizers.Select(f => f.Identifier).Except(ReadFinalizers(e))],
            cancellation
        );

    /// <summary>Runs the finalizers that are attached to an object that is going, one after the other.</summary>
    public async Task<ReconciliationResult<TEntity>> FinalizeAsync(TEntity entity, CancellationToken cancellation)
    {
        foreach (var (identifier, finalizer) in _finalizers)
        {
            if (!ReadFinalizers(entity).Contains(identifier))
                continue;
            var result = await finalizer.FinalizeAsync(entity, cancellation);
            if (!result.IsSuccess)
                return result;
            var left = await EditAsync(entity, e => [.. ReadFinalizers(e).Where(f => f != identifier)], cancellation);
            Log.Finalized(logger, identifier, typeof(TEntity).Name, ObjectKey.From(entity));
            if (left is null)
                break;
            entity = left;
        }

        return ReconciliationResult<TEntity>.Success(entity);
    }

    private static IEnumerable<string> ReadFinalizers(TEntity entity) => entity.Metadata.Finalizers ?? [];

    private async Task<TEntity?> EditAsync(TEntity entity, Func<TEntity, string[]?> edit, CancellationToken cancellation)
    {
        var current = entity;
        for (var conflicts = 0; ; conflicts++)
        {
            if (edit(current) is not { } wanted)
                return null;
            if (wanted.SequenceEqual(ReadFinalizers(current)))
                return current;
            var patch = new JsonObject
            {
                ["metadata"] = new JsonObject
                {
                    ["resourceVersion"] = current.Metadata.ResourceVersion,
                    ["finalizers"] = new JsonArray([.. wanted.Select(f => JsonValue.Create(f))]),
                },
            };
            try
            {
                return await client.MergePatchAsync(ObjectKey.From(current), patch, cancellation);
            }
            catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
            {
                return null;
            }
            catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.Conflict && conflicts < MostConflicts)
            {
                var live = await client.GetAsync(ObjectKey.From(entity), cancellation);
                if (live is null || live.Metadata.Uid != entity.Metadata.Uid)
                    return null;
                current = live;
            }
        }
    }
}
