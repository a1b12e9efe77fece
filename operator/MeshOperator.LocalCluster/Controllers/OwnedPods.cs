using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>Finds pods by the UID of their controller without looking at all pods.</summary>
internal sealed class OwnedPods
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Dictionary<string, StoredObject>> _byController = new(StringComparer.Ordinal);

    public IReadOnlyList<StoredObject> FindByController(string uid)
    {
        lock (_lock)
            return _byController.TryGetValue(uid, out var pods) ? [.. pods.Values.OrderBy(p => p.Name, StringComparer.Ordinal)] : [];
    }

    /// <summary>Follows the store, under its lock.</summary>
    public void OnChanged(ResourceKind kind, WatchEvent change)
    {
        if (kind is not { Group: "", Plural: "pods" })
            return;
        lock (_lock)
        {
            if (
                change.Previous?.ControllerUid is { } before
                && _byController.TryGetValue(before, out var pods)
                && pods.Remove(change.Object.Uid)
                && pods.Count == 0
            )
                _byController.Remove(before);
            if (change.Type == WatchEventType.Deleted || change.Object.ControllerUid is not { } now)
                return;
            if (!_byController.TryGetValue(now, out pods))
                _byController[now] = pods = new Dictionary<string, StoredObject>(StringComparer.Ordinal);
            pods[change.Object.Uid] = change.Object;
        }
    }
}
