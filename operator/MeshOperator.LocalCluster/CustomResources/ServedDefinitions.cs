using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Store;
using Microsoft.Extensions.Logging;

namespace MeshOperator.LocalCluster.CustomResources;

/// <summary>Keeps the served kinds in step with the custom resource definitions in the store.</summary>
internal sealed class ServedDefinitions(KindRegistry kinds, ILogger logger)
{
    private bool _hasLoggedRules;

    public void OnChanged(ResourceKind kind, WatchEvent change)
    {
        if (kind is not { Group: "apiextensions.k8s.io", Plural: "customresourcedefinitions" })
            return;
        var content = change.Object.Parse();
        var spec = content.Object("spec");
        var served = change.Type == WatchEventType.Deleted ? [] : CustomResourceDefinitions.Kinds(content);
        kinds.ReplaceCustom(spec.Text("group") ?? "", spec.Object("names").Text("plural") ?? "", served);
        if (_hasLoggedRules || change.Type != WatchEventType.Added || !CustomResourceDefinitions.HasRules(spec))
            return;
        _hasLoggedRules = true;
        logger.RulesNotEvaluated(change.Object.Name);
    }
}
