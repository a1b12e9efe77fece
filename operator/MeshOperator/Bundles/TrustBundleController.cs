using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Certificates;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Controllers;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Bundles;

/// <summary>Keeps the trust bundle's ConfigMap in every namespace that is not going away, so that an injected pod of any of them finds
/// it: a single pod can opt in where its namespace did not.</summary>
[GenericRbac("", "namespaces", "get,list,watch")]
[GenericRbac("", "configmaps", "create")]
[GenericRbac("", "configmaps", "get,patch", ResourceNames = MeshNames.TrustBundleConfigMap)]
internal sealed class TrustBundleController(EntityClient<V1ConfigMap> configMaps, IdentityIssuer issuer) : IEntityController<V1Namespace>
{
    private static readonly TimeSpan CheckEvery = TimeSpan.FromMinutes(5);

    public async Task<ReconciliationResult<V1Namespace>> ReconcileAsync(V1Namespace entity, CancellationToken cancellationToken)
    {
        if (entity.Metadata.DeletionTimestamp is not null || entity.Status?.Phase == "Terminating") return ReconciliationResult<V1Namespace>.Success(entity);
        var key = new ObjectKey(entity.Metadata.Name, MeshNames.TrustBundleConfigMap);
        var bundle = issuer.TrustBundle;
        var current = await configMaps.GetAsync(key, cancellationToken);
        if (current?.Data is not { Count: 1 } data || !data.TryGetValue(MeshNames.CaCertificateKey, out var kept) || kept != bundle)
        {
            var fields = new JsonObject
            {
                ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [MeshNames.ManagedByLabel] = MeshNames.FieldManager } },
                ["data"] = new JsonObject { [MeshNames.CaCertificateKey] = bundle },
            };
            await configMaps.ApplyAsync(key, fields, MeshNames.FieldManager, null, cancellationToken);
        }

        return ReconciliationResult<V1Namespace>.Success(entity, CheckEvery);
    }

    public Task<ReconciliationResult<V1Namespace>> DeletedAsync(V1Namespace entity, CancellationToken cancellationToken) =>
        Task.FromResult(ReconciliationResult<V1Namespace>.Success(entity));
}
