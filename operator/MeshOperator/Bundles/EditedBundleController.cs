using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Controllers;
using MeshOperator.Kubernetes.Informers;

namespace MeshOperator.Bundles;

/// <summary>Puts a trust bundle's ConfigMap back when somebody has edited or deleted it.</summary>
internal sealed class EditedBundleController(TrustBundles bundles, SharedInformer<V1Namespace> namespaces) : IEntityController<V1ConfigMap>
{
    public async Task<ReconciliationResult<V1ConfigMap>> ReconcileAsync(V1ConfigMap entity, CancellationToken cancellationToken)
    {
        var ns = entity.Metadata.NamespaceProperty;
        if (namespaces.Objects.TryGetValue(new ObjectKey(string.Empty, ns), out var kept) && !TrustBundleController.IsGoing(kept))
            await bundles.EnsureAsync(ns, cancellationToken);
        return ReconciliationResult<V1ConfigMap>.Success(entity);
    }

    public Task<ReconciliationResult<V1ConfigMap>> DeletedAsync(V1ConfigMap entity, CancellationToken cancellationToken) =>
        ReconcileAsync(entity, cancellationToken);
}
