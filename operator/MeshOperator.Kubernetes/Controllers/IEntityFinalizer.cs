using k8s;
using k8s.Models;

namespace MeshOperator.Kubernetes.Controllers;

/// <summary>Cleans up what belongs to an object before the API server removes it. The runtime puts the finalizer's identifier into the
/// object before it is first reconciled, and takes it out when this has succeeded; until then the object stays.</summary>
/// <typeparam name="TEntity">The entity type.</typeparam>
public interface IEntityFinalizer<TEntity>
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    /// <summary>Called when the object's deletion was asked for. Must be safe to run again: it is called again after a failure, and may be
    /// when the operator stops before the identifier is taken out.</summary>
    Task<ReconciliationResult<TEntity>> FinalizeAsync(TEntity entity, CancellationToken cancellationToken);
}
