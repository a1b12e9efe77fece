using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>Furnishes new namespaces with a service account and the cluster's CA, and empties deleted ones.</summary>
internal sealed class NamespaceController(Cluster cluster, string authorityPem)
    : Controller("namespace-controller", cluster.Time, cluster.Logger)
{
    private readonly ResourceKind _namespaces = cluster.Kind("", "namespaces");
    private readonly ResourceKind _accounts = cluster.Kind("", "serviceaccounts");
    private readonly ResourceKind _configMaps = cluster.Kind("", "configmaps");

    public override void OnChanged(ResourceKind kind, WatchEvent change)
    {
        if (kind == _namespaces)
            Enqueue(change.Object.Name);
        else if (change.Type == WatchEventType.Deleted && change.Object.Namespace.Length > 0)
            Enqueue(change.Object.Namespace);
    }

    /// <summary>Does at once what a new namespace needs.</summary>
    public Task FurnishNowAsync(string name) => ReconcileAsync(name);

    protected override async Task ReconcileAsync(string key)
    {
        var found = cluster.Store.Find(_namespaces, "", key);
        if (found is null)
            return;
        if (found.IsDeleting)
            await EmptyAsync(found);
        else
            await FurnishAsync(key);
    }

    private async Task FurnishAsync(string name)
    {
        var request = Cluster.As("service-account-controller");
        if (cluster.Store.Find(_accounts, name, "default") is null)
            await CreateAsync(_accounts, name, new JsonObject { ["metadata"] = new JsonObject { ["name"] = "default" } }, request);
        if (cluster.Store.Find(_configMaps, name, "kube-root-ca.crt") is not null)
            return;
        var content = new JsonObject
        {
            ["metadata"] = new JsonObject { ["name"] = "kube-root-ca.crt" },
            ["data"] = new JsonObject { ["ca.crt"] = authorityPem },
        };
        await CreateAsync(_configMaps, name, content, Cluster.As("root-ca-certificate-publisher"));
    }

    private async Task CreateAsync(ResourceKind kind, string name, JsonObject content, WriteRequest request)
    {
        try
        {
            await cluster.Writer.CreateAsync(kind, name, content, request);
        }
        catch (ApiException e) when (e.Reason is "AlreadyExists" or "NotFound")
        {
            // Somebody else was faster, or the namespace went.
        }
    }

    private async Task EmptyAsync(StoredObject found)
    {
        var left = false;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var kind in cluster.Kinds.All.Where(k => k.Namespaced && !k.CreateOnly && seen.Add(k.StoredAs)))
        {
            foreach (var stored in cluster.Store.List(kind, found.Name).ToList())
            {
                if (!stored.IsDeleting)
                    await DeleteAsync(kind, stored);
                left |= cluster.Store.Find(kind, stored.Namespace, stored.Name) is not null;
            }
        }

        if (left)
            return;
        for (var attempt = 0; attempt < 8; attempt++)
        {
            if (cluster.Store.Find(_namespaces, "", found.Name) is not { IsDeleting: true } current)
                return;
            var content = current.Parse();
            content["spec"] = new JsonObject();
            var stored = content.Object("metadata").Array("finalizers") is { Count: > 0 }
                ? cluster.Store.TryPut(_namespaces, content, current)
                : cluster.Store.TryRemove(_namespaces, current);
            if (stored is not null)
                return;
        }
    }

    private async Task DeleteAsync(ResourceKind kind, StoredObject stored)
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
}
