using MeshOperator.LocalCluster.CustomResources;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>Deletes the objects of a deleted custom resource definition before it goes itself.</summary>
internal sealed class DefinitionCleanup(Cluster cluster) : Controller("customresource-cleanup", cluster.Time, cluster.Logger)
{
    private readonly ResourceKind _definitions = cluster.Kind("apiextensions.k8s.io", "customresourcedefinitions");

    public override void OnChanged(ResourceKind kind, WatchEvent change)
    {
        if (kind == _definitions && change.Object.IsDeleting)
            Enqueue(change.Object.Name);
        else if (kind.IsCustom && change.Type == WatchEventType.Deleted)
            Enqueue(kind.QualifiedPlural);
    }

    protected override async Task ReconcileAsync(string key)
    {
        if (cluster.Store.Find(_definitions, "", key) is not { IsDeleting: true } definition)
            return;
        if (cluster.Kinds.All.FirstOrDefault(k => k.IsCustom && k.QualifiedPlural == key) is { } kind)
        {
            foreach (var stored in cluster.Store.List(kind).Where(o => !o.IsDeleting).ToList())
            {
                try
                {
                    await cluster.Writer.DeleteAsync(kind, stored.Namespace, stored.Name, DeleteOptions.Default, Cluster.As(Name));
                }
                catch (ApiException e) when (e.Code == 404)
                {
                    // Gone already.
                }
            }

            if (cluster.Store.List(kind).Any())
                return;
        }

        await cluster.Writer.UpdateAsync(
            _definitions,
            "",
            definition.Name,
            "",
            content =>
            {
                content.Object("metadata").Array("finalizers")?.RemoveAll(f => f.AsText() == CustomResourceDefinitions.CleanupFinalizer);
                return content;
            },
            Cluster.As(Name)
        );
    }
}
