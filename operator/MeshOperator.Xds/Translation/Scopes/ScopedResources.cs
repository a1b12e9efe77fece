using Envoy.Config.Core.V3;
using Envoy.Config.Route.V3;
using Google.Protobuf;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation.Outbound;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation.Scopes;

/// <summary>What is sent to proxies that need only some services: those services, and the clusters and endpoints of the backends to
/// which their routes lead; and what explicit proxies are sent. Proxies of one scope share one set.</summary>
internal sealed class ScopedResources(
    IReadOnlyDictionary<string, ServicePortResources> ports,
    IReadOnlyList<ResourceSet> all,
    bool areSame,
    Places places,
    IReadOnlyDictionary<ProxyScope, IReadOnlyList<ResourceSet>> previous,
    ExplicitProxyBuilder explicitProxies,
    MeshNaming naming,
    Func<
        IReadOnlyCollection<ServicePortResources>,
        IReadOnlyCollection<ServicePortResources>,
        IReadOnlyList<ResourceSet>?,
        IReadOnlyList<ResourceSet>
    > create
)
{
    /// <summary>Where all ports and names are as before, so is what scopes are sent.</summary>
    private readonly Dictionary<ProxyScope, IReadOnlyList<ResourceSet>> _scopes = areSame ? new(previous) : [];

    /// <summary>Whether each workload that was not replaced has the scope that it had, and is sent by it what it was.</summary>
    public bool KeepNodes => areSame || (places.AreAlike && previous.Count == 0);

    /// <summary>What of a workload's place matters; null when nothing does.</summary>
    public ProxyPlace? FindPlace(MeshWorkload workload) => places.Find(workload.Place);

    /// <summary>The sets of a scope; without one, of the whole mesh.</summary>
    public IReadOnlyList<ResourceSet> ForScope(ProxyScope? scope)
    {
        if (scope is null)
            return all;
        if (_scopes.TryGetValue(scope, out var known))
            return known;

        var before = previous.GetValueOrDefault(scope);
        if (scope.Place is { } place)
            return _scopes[scope] = ForPlace(scope, place, before);
        var sets = scope.Services is null ? all : ForServices(scope, before);
        return _scopes[scope] = scope.Explicit is { } proxy ? ExplicitProxy(scope, proxy, sets, before) : sets;
    }

    /// <summary>The ports that a proxy of a scope can call.</summary>
    public IEnumerable<ServicePortResources> Called(ProxyScope scope) =>
        scope.Services is null ? ports.Values : ports.Values.Where(port => scope.Contains(port.Source.Service));

    /// <summary>All but the endpoints is the same as elsewhere.</summary>
    private IReadOnlyList<ResourceSet> ForPlace(ProxyScope scope, ProxyPlace place, IReadOnlyList<ResourceSet>? before)
    {
        var elsewhere = scope with { Place = null };
        ResourceSet[] sets = [.. elsewhere is { Services: null, Explicit: null } ? all : ForScope(elsewhere)];
        var endpoints = (int)ResourceType.Endpoints;
        sets[endpoints] = places.Place(sets[endpoints], place, before?[endpoints]);
        return before is not null && before.SequenceEqual(sets) ? before : sets;
    }

    private IReadOnlyList<ResourceSet> ForServices(ProxyScope scope, IReadOnlyList<ResourceSet>? before)
    {
        var called = Called(scope).ToList();
        var reached = called.ToDictionary(port => Names.Outbound(port.Source.Service, port.Source.Port), StringComparer.Ordinal);
        foreach (var target in called.SelectMany(port => Targets(port.Source)))
        {
            var name = Names.Outbound(target);
            if (!reached.ContainsKey(name) && ports.TryGetValue(name, out var port))
                reached.Add(name, port);
        }

        return create(called, reached.Values, before);
    }

    /// <summary>In place of the listeners for redirected connections there is one for requests, and one for each local port.</summary>
    private IReadOnlyList<ResourceSet> ExplicitProxy(
        ProxyScope scope,
        ExplicitScope proxy,
        IReadOnlyList<ResourceSet> ofServices,
        IReadOnlyList<ResourceSet>? before
    )
    {
        var name = Names.ExplicitRoutes(scope);
        var routes = ExplicitProxyBuilder.Routes(name, proxy.Namespace, [.. Called(scope).Select(port => port.Source)], naming);
        var local = proxy
            .LocalPorts.Select(port =>
                (port.Port, Service: ports.GetValueOrDefault(Names.Outbound(port.Service, port.ServicePort))?.Source)
            )
            .Where(port => port.Service is not null)
            .ToList();
        var services = local.Select(port => port.Service!).DistinctBy(port => (port.Service, port.Port)).ToList();
        ResourceSet[] sets = [.. ofServices];
        Replace(
            ResourceType.Listener,
            local
                .Select(port => (Names.Local(port.Port), (IMessage)explicitProxies.LocalPort(port.Service!, proxy.Address, port.Port)))
                .Prepend((Names.ExplicitProxy, explicitProxies.Listener(name, proxy.Address)))
        );
        Replace(
            ResourceType.Route,
            services
                .Select(ExplicitProxyBuilder.LocalRoutes)
                .OfType<RouteConfiguration>()
                .Select(found => (found.Name, (IMessage)found))
                .Prepend((name, routes))
        );
        Replace(
            ResourceType.Extension,
            services.Select(explicitProxies.LocalBytes).OfType<TypedExtensionConfig>().Select(bytes => (bytes.Name, (IMessage)bytes))
        );
        return before is not null && before.SequenceEqual(sets) ? before : sets;

        void Replace(ResourceType type, IEnumerable<(string Name, IMessage Message)> resources)
        {
            var last = before?[(int)type];
            sets[(int)type] = ResourceSet.Create(
                resources.Select(resource => XdsResource.Create(type, resource.Name, resource.Message, last?.Find(resource.Name))),
                last
            );
        }
    }

    private static IEnumerable<BackendTarget> Targets(MeshServicePort port) =>
        port
            .Routes.SelectMany(route => route.Backends.Select(backend => backend.Target).Append(route.Mirror?.Target))
            .Concat(port.TcpBackends.Select(backend => backend.Target))
            .OfType<BackendTarget>();
}
