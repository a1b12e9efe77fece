using MeshOperator.Api;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation.Workloads;

/// <summary>Finds the services whose configuration is sent to a pod's proxy: by its own annotation, its namespace's, or the mesh's default.
/// A list with an item that cannot be read is as if it were not there: without that item a proxy would silently lack what the application
/// calls.</summary>
internal sealed class UpstreamScopes(ClusterSnapshot snapshot)
{
    private readonly Dictionary<(string Namespace, string? Upstreams), UpstreamScope?> _scopes = [];

    public UpstreamScope? Find(string ns, PodRecord pod)
    {
        var key = (ns, pod.Upstreams);
        if (!_scopes.TryGetValue(key, out var scope))
            _scopes[key] = scope = Read(
                ns,
                pod.Upstreams,
                snapshot.Namespaces.GetValueOrDefault(new ObjectName(string.Empty, ns))?.Upstreams
            );
        return scope;
    }

    /// <summary>The first list that can be read counts.</summary>
    private UpstreamScope? Read(string ns, params string?[] lists)
    {
        IReadOnlyList<(string Namespace, string Service)> items = [];
        if (!Array.Exists(lists, list => list is not null && UpstreamList.TryParse(list, ns, out items, out _)))
            return snapshot.IsScopedToNamespace ? new UpstreamScope([new ServiceName(ns, UpstreamList.Any)]) : null;
        if (items.Contains((UpstreamList.Any, UpstreamList.Any)))
            return null;
        return new UpstreamScope(items.Select(i => new ServiceName(i.Namespace, i.Service)).Distinct().Order().ToValueList());
    }
}
