using MeshOperator.Api;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Finds of which services a pod's proxy is told: by its own annotation, its namespace's, or the mesh's default. Items that cannot
/// be read are passed over.</summary>
internal sealed class UpstreamScopes(ClusterSnapshot snapshot)
{
    private readonly Dictionary<(string Namespace, string? Upstreams), UpstreamScope?> _scopes = [];

    public UpstreamScope? Of(string ns, PodRecord pod)
    {
        var key = (ns, pod.Upstreams ?? snapshot.Namespaces.GetValueOrDefault(new ObjectName(string.Empty, ns))?.Upstreams);
        if (!_scopes.TryGetValue(key, out var scope)) _scopes[key] = scope = Read(ns, key.Item2);
        return scope;
    }

    private UpstreamScope? Read(string ns, string? upstreams)
    {
        if (upstreams is null) return snapshot.IsScopedToNamespace ? new UpstreamScope([new ServiceName(ns, UpstreamList.Any)]) : null;
        _ = UpstreamList.TryParse(upstreams, ns, out var items, out _);
        if (items.Contains((UpstreamList.Any, UpstreamList.Any))) return null;
        return new UpstreamScope(items.Select(i => new ServiceName(i.Namespace, i.Service)).Distinct().Order().ToValueList());
    }
}
