using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Translation;

/// <summary>What proxies are sent that are told of some services only: those services, and the clusters and endpoints of the backends to
/// which their routes lead. Proxies of one scope share one set.</summary>
internal sealed class ScopedResources(
    IReadOnlyDictionary<string, ServicePortResources> ports,
    ResourceSet[] all,
    IReadOnlyDictionary<UpstreamScope, ResourceSet[]> previous,
    Func<IReadOnlyCollection<ServicePortResources>, IReadOnlyCollection<ServicePortResources>, IReadOnlyList<ResourceSet>?, ResourceSet[]> create)
{
    private readonly Dictionary<UpstreamScope, ResourceSet[]> _scopes = [];

    /// <summary>The scopes that were asked for.</summary>
    public IReadOnlyDictionary<UpstreamScope, ResourceSet[]> All => _scopes;

    /// <summary>The sets of a scope; without one, of the whole mesh.</summary>
    public IReadOnlyList<ResourceSet> Of(UpstreamScope? scope)
    {
        if (scope is null) return all;
        if (_scopes.TryGetValue(scope, out var sets)) return sets;

        var called = ports.Values.Where(port => scope.Contains(port.Source.Service)).ToList();
        var reached = called.ToDictionary(port => Names.Outbound(port.Source.Service, port.Source.Port), StringComparer.Ordinal);
        foreach (var target in called.SelectMany(port => Targets(port.Source)))
        {
            var name = Names.Outbound(target);
            if (!reached.ContainsKey(name) && ports.TryGetValue(name, out var port)) reached.Add(name, port);
        }

        return _scopes[scope] = create(called, reached.Values, previous.GetValueOrDefault(scope));
    }

    private static IEnumerable<BackendTarget> Targets(MeshServicePort port) => port.Routes
        .SelectMany(route => route.Backends.Select(backend => backend.Target).Append(route.Mirror?.Target))
        .Concat(port.TcpBackends.Select(backend => backend.Target))
        .OfType<BackendTarget>();
}
