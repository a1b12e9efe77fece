using k8s;
using k8s.Models;

namespace MeshOperator.Kubernetes.Controllers;

/// <summary>Brings the world into line with an object. Level-triggered: it gets the object to look at, not what happened, and
/// must be safe to run again.</summary>
/// <typeparam name="TEntity">The entity type.</typeparam>
public interface IEntityController<TEntity>
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    /// <summary>Called when an object is new or changed, and again after a failure or when the result asks for it.</summary>
    Task<ReconciliationResult<TEntity>> ReconcileAsync(TEntity entity, CancellationToken cancellationToken);

    /// <summary>Called when an object is gone, with its last known form.</summary>
    Task<ReconciliationResult<TEntity>> DeletedAsync(TEntity entity, CancellationToken cancellationToken);
}

/// <summary>What became of a reconciliation.</summary>
/// <typeparam name="TEntity">The entity type.</typeparam>
public sealed class ReconciliationResult<TEntity>
{
    private ReconciliationResult(TEntity entity, string? error, Exception? exception, TimeSpan? requeueAfter) =>
        (Entity, Error, Exception, RequeueAfter) = (entity, error, exception, requeueAfter);

    /// <summary>The object.</summary>
    public TEntity Entity { get; }

    /// <summary>What went wrong; null on success.</summary>
    public string? Error { get; }

    /// <summary>The exception behind <see cref="Error"/>, if there is one.</summary>
    public Exception? Exception { get; }

    /// <summary>When to look again; null means when something changes, or after a failure with a growing pause.</summary>
    public TimeSpan? RequeueAfter { get; }

    /// <summary>Whether it succeeded.</summary>
    public bool IsSuccess => Error is null;

    /// <summary>It succeeded.</summary>
    public static ReconciliationResult<TEntity> Success(TEntity entity, TimeSpan? requeueAfter = null) =>
        new(entity, null, null, requeueAfter);

    /// <summary>It failed and is tried again.</summary>
    public static ReconciliationResult<TEntity> Failure(
        TEntity entity,
        string errorMessage,
        Exception? exception = null,
        TimeSpan? requeueAfter = null
    ) => new(entity, errorMessage, exception, requeueAfter);
}
