using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Store;
using Microsoft.Extensions.Logging;

namespace MeshOperator.LocalCluster.Admission;

/// <summary>Says of each webhook configuration with matchConditions, once for each version, that they are not evaluated.</summary>
internal sealed class UnevaluatedConditions(ILogger logger)
{
    public void OnChanged(ResourceKind kind, WatchEvent change)
    {
        if (kind.Group != "admissionregistration.k8s.io" || change.Type == WatchEventType.Deleted)
            return;
        if (change.Object.Parse().Objects("webhooks").Any(w => w.Array("matchConditions") is { Count: > 0 }))
            logger.ConditionsNotEvaluated($"{kind.Kind} {change.Object.Name}");
    }
}
