using Google.Protobuf;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation.Outbound;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation.Scopes;

/// <summary>What proxies are sent that are told of some services only: those services, and the clusters and endpoints of the backends to
/// which their routes lead; and what explicit proxies are sent. Proxies of one scope share one set.</summary>
internal sealed class ScopedResources(
    IReadOnlyDictionary<string, ServicePortResources> ports,
    ResourceSet[] all,
    IReadOnlyDictionary<ProxyScope, ResourceSet[]> previous,
    ExplicitProxyBuilder explicitProxies,
    Func<
        IReadOnlyCollection<ServicePortResources>,
        IReadOnlyCollection<ServicePortResources>,
        IReadOnlyList<ResourceSet>?,
        ResourceSet[]
    > create
)
{
    private readonly Dictionary<ProxyScope, ResourceSet[]> _scopes = [];

    /// <summary>The scopes that were asked for.</summary>
    public IReadOnlyDictionary<ProxyScope, ResourceSet[]> All => _scopes;

    /// <summary>The sets of a scope; without one, of the whole mesh.</summary>
    public IReadOnlyList<ResourceSet> Of(ProxyScope? scope)
    {
        if (scope is null)
            return all;
        if (_scopes.TryGetValue(scope, out var known))
            return known;

        var before = previous.GetValueOrDefault(scope);
        var sets = scope.Services is { } services ? Told(services, before) : all;
        return _scopes[scope] = scope.ExplicitProxyIn is { } ns ? ExplicitProxy(scope, ns, sets, before) : sets;
    }

    /// <summary>The ports that a proxy can call that is told of these services.</summary>
    public IEnumerable<ServicePortResources> Called(UpstreamScope? services) =>
        services is null ? ports.Values : ports.Values.Where(port => services.Contains(port.Source.Service));

    private ResourceSet[] Told(UpstreamScope services, ResourceSet[]? before)
    {
        var called = Called(services).ToList();
        var reached = called.ToDictionary(port => Names.Outbound(port.Source.Service, port.Source.Port), StringComparer.Ordinal);
        foreach (var target in called.SelectMany(port => Targets(port.Source)))
        {
            var name = Names.Outbound(target);
            if (!reached.ContainsKey(name) && ports.TryGetValue(name, out var port))
                reached.Add(name, port);
        }

        return create(called, reached.Values, before);
    }

    /// <summary>In place of the listeners for redirected connections there is one for requests.</summary>
    private ResourceSet[] ExplicitProxy(ProxyScope scope, string ns, ResourceSet[] told, ResourceSet[]? before)
    {
        var name = Names.ExplicitRoutes(scope);
        var routes = ExplicitProxyBuilder.Routes(name, ns, Called(scope.Services).Select(port => port.Source));
        ResourceSet[] sets = [.. told];
        Replace(ResourceType.Listener, Names.ExplicitProxy, explicitProxies.Listener(name));
        Replace(ResourceType.Route, name, routes);
        sets[(int)ResourceType.Extension] = ResourceSet.Empty;
        return sets;

        void Replace(ResourceType type, string resource, IMessage message)
        {
            var last = before?[(int)type];
            sets[(int)type] = ResourceSet.Create([XdsResource.Create(type, resource, message, last?.Find(resource))], last);
        }
    }

    private static IEnumerable<BackendTarget> Targets(MeshServicePort port) =>
        port
            .Routes.SelectMany(route => route.Backends.Select(backend => backend.Target).Append(route.Mirror?.Target))
            .Concat(port.TcpBackends.Select(backend => backend.Target))
            .OfType<BackendTarget>();
}
