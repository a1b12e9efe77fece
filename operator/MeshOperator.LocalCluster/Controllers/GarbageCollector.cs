using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>Deletes what lost its owners, and completes foreground and orphaning deletions. Keys are UIDs.</summary>
internal sealed class GarbageCollector(Cluster cluster) : Controller("generic-garbage-collector", cluster.Time, cluster.Logger)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (ResourceKind Kind, string Namespace, string Name)> _objects = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<string>> _dependents = new(StringComparer.Ordinal);

    public override void OnChanged(ResourceKind kind, WatchEvent change)
    {
        var stored = change.Object;
        lock (_lock)
        {
            if (change.Previous is { } previous)
                foreach (var owner in previous.Owners)
                    _dependents.GetValueOrDefault(owner.Uid)?.Remove(stored.Uid);
            if (change.Type == WatchEventType.Deleted)
            {
                _objects.Remove(stored.Uid);
                foreach (var dependent in _dependents.GetValueOrDefault(stored.Uid) ?? [])
                    Enqueue(dependent);
                foreach (var owner in stored.Owners)
                    Enqueue(owner.Uid);
                _dependents.Remove(stored.Uid);
                return;
            }

            _objects[stored.Uid] = (kind, stored.Namespace, stored.Name);
            foreach (var owner in stored.Owners)
            {
                if (!_dependents.TryGetValue(owner.Uid, out var set))
                    _dependents[owner.Uid] = set = new HashSet<string>(StringComparer.Ordinal);
                set.Add(stored.Uid);
            }
        }

        if (stored.Owners.Count > 0 || (stored.IsDeleting && stored.HasFinalizers))
            Enqueue(stored.Uid);
    }

    protected override async Task ReconcileAsync(string key)
    {
        if (Locate(key) is not var (kind, stored))
            return;
        if (stored.IsDeleting && stored.HasFinalizers)
            await CompleteDeletionAsync(kind, stored);
        if (stored.Owners.Count > 0 && !stored.IsDeleting)
            await CheckOwnersAsync(kind, stored);
    }

    private (ResourceKind Kind, StoredObject Stored)? Locate(string uid)
    {
        (ResourceKind Kind, string Namespace, string Name) place;
        lock (_lock)
            if (!_objects.TryGetValue(uid, out place))
                return null;
        return cluster.Store.Find(place.Kind, place.Namespace, place.Name) is { } stored && stored.Uid == uid ? (place.Kind, stored) : null;
    }

    private async Task CheckOwnersAsync(ResourceKind kind, StoredObject stored)
    {
        var lost = stored.Owners.Where(o => IsLost(o, stored)).ToArray();
        if (lost.Length == 0)
            return;
        if (lost.Length < stored.Owners.Count)
        {
            var gone = lost.Select(o => o.Uid).ToHashSet();
            await UpdateAsync(
                kind,
                stored,
                content => content.Object("metadata").Array("ownerReferences")?.RemoveAll(o => gone.Contains(o.Text("uid") ?? ""))
            );
            return;
        }

        try
        {
            await cluster.Writer.DeleteAsync(
                kind,
                stored.Namespace,
                stored.Name,
                DeleteOptions.Default with
                {
                    Uid = stored.Uid,
                },
                Cluster.As(Name)
            );
        }
        catch (ApiException e) when (e.Code == 404)
        {
            // Gone already.
        }
    }

    /// <summary>Whether an owner is certainly gone: kinds that are not served leave it open.</summary>
    private bool IsLost(OwnerReference owner, StoredObject dependent)
    {
        if (Locate(owner.Uid) is not null)
            return false;
        if (cluster.Kinds.FindByKind(owner.ApiVersion, owner.Kind) is not { } kind)
            return false;
        return cluster.Store.Find(kind, kind.Namespaced ? dependent.Namespace : "", owner.Name)?.Uid != owner.Uid;
    }

    private async Task CompleteDeletionAsync(ResourceKind kind, StoredObject stored)
    {
        var finalizers = stored.Parse().Object("metadata").Texts("finalizers").ToHashSet();
        var dependents = Dependents(stored.Uid);
        if (finalizers.Contains("orphan"))
        {
            foreach (var (dependentKind, dependent) in dependents)
                await UpdateAsync(
                    dependentKind,
                    dependent,
                    content => content.Object("metadata").Array("ownerReferences")?.RemoveAll(o => o.Text("uid") == stored.Uid)
                );
            await RemoveFinalizerAsync(kind, stored, "orphan");
        }
        else if (finalizers.Contains("foregroundDeletion"))
        {
            foreach (var (dependentKind, dependent) in dependents.Where(d => !d.Stored.IsDeleting))
                await DeleteForegroundAsync(dependentKind, dependent);
            if (Dependents(stored.Uid).All(d => !d.Stored.Owners.Any(o => o.Uid == stored.Uid && o.BlockOwnerDeletion)))
                await RemoveFinalizerAsync(kind, stored, "foregroundDeletion");
        }
    }

    private async Task DeleteForegroundAsync(ResourceKind kind, StoredObject stored)
    {
        try
        {
            await cluster.Writer.DeleteAsync(
                kind,
                stored.Namespace,
                stored.Name,
                DeleteOptions.Default with
                {
                    Uid = stored.Uid,
                    Propagation = "Foreground",
                },
                Cluster.As(Name)
            );
        }
        catch (ApiException e) when (e.Code == 404)
        {
            // Gone already.
        }
    }

    private List<(ResourceKind Kind, StoredObject Stored)> Dependents(string uid)
    {
        string[] uids;
        lock (_lock)
            uids = [.. _dependents.GetValueOrDefault(uid) ?? []];
        return [.. uids.Select(Locate).OfType<(ResourceKind, StoredObject)>()];
    }

    private Task RemoveFinalizerAsync(ResourceKind kind, StoredObject stored, string finalizer) =>
        UpdateAsync(kind, stored, content => content.Object("metadata").Array("finalizers")?.RemoveAll(f => f.AsText() == finalizer));

    private async Task UpdateAsync(ResourceKind kind, StoredObject stored, Action<JsonObject> change)
    {
        try
        {
            await cluster.Writer.UpdateAsync(
                kind,
                stored.Namespace,
                stored.Name,
                "",
                content =>
                {
                    change(content);
                    return content;
                },
                Cluster.As(Name)
            );
        }
        catch (ApiException e) when (e.Code == 404)
        {
            // Gone meanwhile.
        }
    }
}
