using k8s.Models;
using MeshOperator.Kubernetes.Controllers;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Bundles;

/// <summary>Keeps the trust bundle's ConfigMap in every namespace that is not going away, so that an injected pod of any of them finds
/// it: a single pod can opt in where its namespace did not.</summary>
[GenericRbac("", "namespaces", "list,watch")]
internal sealed class TrustBundleController(TrustBundles bundles) : IEntityController<V1Namespace>
{
    private static readonly TimeSpan CheckEvery = TimeSpan.FromMinutes(5);

    /// <summary>Whether a namespace takes no new objects.</summary>
    public static bool IsGoing(V1Namespace entity) =>
        entity.Metadata.DeletionTimestamp is not null || entity.Status?.Phase == "Terminating";

    public async Task<ReconciliationResult<V1Namespace>> ReconcileAsync(V1Namespace entity, CancellationToken cancellationToken)
    {
        if (IsGoing(entity))
            return ReconciliationResult<V1Namespace>.Success(entity);
        await bundles.EnsureAsync(entity.Metadata.Name, cancellationToken);
        return ReconciliationResult<V1Namespace>.Success(entity, CheckEvery);
    }

    public Task<ReconciliationResult<V1Namespace>> DeletedAsync(V1Namespace entity, CancellationToken cancellationToken) =>
        Task.FromResult(ReconciliationResult<V1Namespace>.Success(entity));
}
