using System.Collections.Frozen;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation.Inbound;
using MeshOperator.Xds.Translation.Outbound;
using MeshOperator.Xds.Translation.Proxyless;
using MeshOperator.Xds.Translation.Scopes;
using MeshOperator.Xds.Translation.Shared;
using MeshOperator.Xds.Translation.Telemetry;

namespace MeshOperator.Xds.Translation;

/// <summary>Turns the mesh model into Envoy's resources. Pure but for its memory of the last result, from which everything is taken
/// over whose part of the model is equal, so that a small change costs little and keeps all other versions.</summary>
public sealed class EnvoyTranslator
{
    private readonly Lock _gate = new();
    private readonly Observability _observability;
    private readonly OutboundListenerBuilder _listeners;
    private readonly CommonResources _common;
    private readonly ExplicitProxyBuilder _explicitProxies;
    private EnvoyConfiguration _previous = EnvoyConfiguration.Empty;

    /// <summary>A translator of which proxies log and trace nothing.</summary>
    public EnvoyTranslator()
        : this(new TelemetrySettings()) { }

    /// <summary>A translator with these settings of the proxies.</summary>
    /// <param name="telemetry">What proxies report about the traffic.</param>
    /// <param name="headerCase">How proxies write names of headers.</param>
    public EnvoyTranslator(TelemetrySettings telemetry, HeaderCase headerCase = HeaderCase.Preserve)
    {
        ArgumentNullException.ThrowIfNull(telemetry);
        _observability = new Observability(telemetry);
        _listeners = new OutboundListenerBuilder(_observability, headerCase);
        _common = new CommonResources(_observability, _listeners);
        _explicitProxies = new ExplicitProxyBuilder(_observability, _listeners);
    }

    /// <summary>The resources of <paramref name="model"/>. Calls are serialised.</summary>
    public EnvoyConfiguration Translate(MeshModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        lock (_gate)
            return _previous = Translate(model, _previous);
    }

    /// <summary>The resources of <paramref name="model"/> alone; the last result stays what it is.</summary>
    public EnvoyConfiguration TranslateAlone(MeshModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Translate(model, EnvoyConfiguration.Empty);
    }

    /// <summary>The resources of <paramref name="model"/>, sharing with <paramref name="previous"/> what is the same.</summary>
    internal EnvoyConfiguration Translate(MeshModel model, EnvoyConfiguration previous)
    {
        var hashed = ConsistentHashing.FindClusters(
            model.Services.Values.SelectMany(service => service.Ports),
            route => route is { Sticky: not null, Pool: null }
        );
        var ports = Ports(model, hashed, previous);
        ServicePortResources[] all = [.. ports.Values];
        var arePortsSame = ReferenceEquals(ports, previous.ServicePorts);
        var shared = arePortsSame ? previous.Shared : Shared(all, all, previous.Shared);
        var hasSameNames = previous.ClusterDomain == model.ClusterDomain && previous.Aliases.SequenceEqual(model.Aliases);
        var scoped = new ScopedResources(
            ports,
            shared,
            arePortsSame && hasSameNames,
            new Places(all),
            previous.Scopes,
            _explicitProxies,
            new MeshNaming(model),
            Shared
        );
        var nodes = NodeTable.Create(
            model,
            previous,
            scoped,
            profile => ProxyResources.Create(profile, model.TrustDomain, _observability, _listeners)
        );
        var scopes = nodes.Scopes.Keys.ToDictionary(scope => scope, scoped.ForScope);
        return new EnvoyConfiguration
        {
            TrustDomain = model.TrustDomain,
            ClusterDomain = model.ClusterDomain,
            Aliases = model.Aliases,
            ServicePorts = ports,
            Shared = shared,
            Scopes = scopes,
            Proxyless = arePortsSame ? previous.Proxyless : new LazyProxylessConfiguration(ports, previous.Proxyless.Latest),
            Workloads = model.Workloads,
            NodeTable = nodes,
            Policies =
                arePortsSame && scopes.Count == 0 && previous.Scopes.Count == 0 ? previous.Policies : PolicyResources(all, scoped, scopes),
            InboundPolicies = ReferenceEquals(nodes.Profiles, previous.Profiles)
                ? previous.InboundPolicies
                : nodes.Profiles.Keys.SelectMany(profile => profile.Policies).ToFrozenSet(),
        };
    }

    /// <summary>What the service ports become; those of before when all of them are.</summary>
    private IReadOnlyDictionary<string, ServicePortResources> Ports(MeshModel model, FrozenSet<string> hashed, EnvoyConfiguration previous)
    {
        var areSame = !ReferenceEquals(previous, EnvoyConfiguration.Empty);
        var ports = new Dictionary<string, ServicePortResources>(previous.ServicePorts.Count, StringComparer.Ordinal);
        foreach (var service in model.Services.Values)
        {
            foreach (var port in service.Ports)
            {
                var name = Names.Outbound(port.Service, port.Port);
                previous.ServicePorts.TryGetValue(name, out var before);
                var current = ServicePortResources.Create(port, hashed.Contains(name), _listeners, before);
                areSame = areSame && ReferenceEquals(current, before);
                ports[name] = current;
            }
        }

        return areSame && ports.Count == previous.ServicePorts.Count ? previous.ServicePorts : ports;
    }

    /// <summary>The sets of resources of some service ports.</summary>
    /// <param name="called">The ports that can be called.</param>
    /// <param name="reached">Those and the ones to which their requests go.</param>
    /// <param name="previous">The last sets.</param>
    /// <returns>The last sets themselves when all are the same.</returns>
    private IReadOnlyList<ResourceSet> Shared(
        IReadOnlyCollection<ServicePortResources> called,
        IReadOnlyCollection<ServicePortResources> reached,
        IReadOnlyList<ResourceSet>? previous
    )
    {
        ResourceSet[] sets = [.. Enumerable.Repeat(ResourceSet.Empty, ResourceTypes.Count)];
        Set(ResourceType.Cluster, _common.Clusters.Concat(reached.SelectMany(port => port.Clusters)));
        Set(ResourceType.Endpoints, reached.SelectMany(port => port.Endpoints));
        Set(ResourceType.Listener, _common.Listeners.Concat(ReachableListeners(called)));
        Set(ResourceType.Route, called.SelectMany(port => port.Routes));
        Set(ResourceType.Extension, called.SelectMany(port => port.Extensions));
        return previous is not null && previous.SequenceEqual(sets) ? previous : sets;

        void Set(ResourceType type, IEnumerable<XdsResource> resources) =>
            sets[(int)type] = ResourceSet.Create(resources, previous?[(int)type]);
    }

    /// <summary>Envoy refuses a second listener at an address; of two services that claim one, the first by name has it, and one of which
    /// it is the own address before one that only calls it an external one.</summary>
    private static List<XdsResource> ReachableListeners(IReadOnlyCollection<ServicePortResources> ports)
    {
        var reachable = new List<XdsResource>();
        var taken = new HashSet<(string Address, int Port)>();
        foreach (var isExternal in (ReadOnlySpan<bool>)[false, true])
        {
            foreach (var port in ports)
            {
                foreach (var listener in port.Listeners)
                {
                    if (listener.IsExternal == isExternal && taken.Add((listener.Address, listener.Port)))
                        reachable.Add(listener.Listener);
                }
            }
        }

        return reachable;
    }

    private static FrozenDictionary<PolicyKey, IReadOnlyList<(ResourceType Type, string Name)>> PolicyResources(
        IEnumerable<ServicePortResources> ports,
        ScopedResources scoped,
        Dictionary<ProxyScope, IReadOnlyList<ResourceSet>> scopes
    )
    {
        var policies = new PolicyResources();
        foreach (var port in ports)
        {
            foreach (var resource in port.Routes.Concat(port.Extensions))
                policies.Add(port.Source.RoutePolicies, resource);
            foreach (var cluster in port.Clusters)
                policies.Add(port.Source.ClusterPolicies, cluster);
        }

        foreach (var (scope, sets) in scopes.Where(scope => scope.Key is { Explicit: not null, Place: null }))
        {
            var routes = sets[(int)ResourceType.Route].Find(Names.ExplicitRoutes(scope))!;
            policies.Add(
                scoped
                    .Called(scope)
                    .Where(port => port.Source.Protocol is not PortProtocol.Tcp)
                    .SelectMany(port => port.Source.RoutePolicies)
                    .Distinct(),
                routes
            );
        }

        return policies.ToDictionary();
    }
}
