using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation.Outbound;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation.Proxyless;

/// <summary>What clients are sent that are gRPC libraries and no proxies. They ask for a listener by the name of a service port, and
/// understand less than Envoy does.</summary>
internal sealed class ProxylessConfiguration
{
    private static readonly XdsResource MissingBackendCluster = XdsResource.Create(
        ResourceType.Cluster,
        Names.MissingBackend,
        ClusterBuilder.MissingBackend()
    );

    private static readonly XdsResource MissingBackendEndpoints = XdsResource.Create(
        ResourceType.Endpoints,
        Names.MissingBackend,
        EndpointBuilder.None(Names.MissingBackend)
    );

    private ProxylessConfiguration(
        IReadOnlyDictionary<string, ProxylessPort> ports,
        IReadOnlyList<ResourceSet> shared,
        IReadOnlyDictionary<PolicyKey, IReadOnlyList<(ResourceType Type, string Name)>> policies
    )
    {
        Ports = ports;
        Shared = shared;
        Policies = policies;
    }

    public IReadOnlyDictionary<string, ProxylessPort> Ports { get; }

    /// <summary>As <see cref="EnvoyConfiguration.Shared"/>.</summary>
    public IReadOnlyList<ResourceSet> Shared { get; }

    /// <summary>As <see cref="EnvoyConfiguration.Policies"/>.</summary>
    public IReadOnlyDictionary<PolicyKey, IReadOnlyList<(ResourceType Type, string Name)>> Policies { get; }

    /// <summary>The resources of <paramref name="services"/>, sharing with <paramref name="previous"/> what is the same.</summary>
    public static ProxylessConfiguration Create(
        IReadOnlyDictionary<string, ServicePortResources> services,
        ProxylessConfiguration? previous
    )
    {
        var hashed = ConsistentHashing.FindClusters(services.Values.Select(service => service.Source), ProxylessRoutes.IsSupported);
        var ports = new Dictionary<string, ProxylessPort>(services.Count, StringComparer.Ordinal);
        var policies = new PolicyResources();
        foreach (var (name, service) in services)
        {
            var port = ProxylessPort.Create(service, hashed.Contains(name), previous?.Ports.GetValueOrDefault(name));
            ports.Add(name, port);
            if (port.Route is not null)
                policies.Add(service.Source.RoutePolicies, port.Route);
            foreach (var cluster in port.Shifts.Prepend(port.Cluster))
                policies.Add(service.Source.ClusterPolicies, cluster);
        }

        return new ProxylessConfiguration(ports, Sets(ports.Values, previous?.Shared), policies.ToDictionary());
    }

    private static ResourceSet[] Sets(IReadOnlyCollection<ProxylessPort> ports, IReadOnlyList<ResourceSet>? previous)
    {
        ResourceSet[] sets = [.. Enumerable.Repeat(ResourceSet.Empty, ResourceTypes.Count)];
        Set(ResourceType.Cluster, ports.SelectMany(port => port.Shifts.Prepend(port.Cluster)).Append(MissingBackendCluster));
        Set(ResourceType.Endpoints, ports.SelectMany(port => port.Endpoints).Append(MissingBackendEndpoints));
        Set(ResourceType.Listener, ports.Select(port => port.Listener).OfType<XdsResource>());
        Set(ResourceType.Route, ports.Select(port => port.Route).OfType<XdsResource>());
        return sets;

        void Set(ResourceType type, IEnumerable<XdsResource> resources) =>
            sets[(int)type] = ResourceSet.Create(resources, previous?[(int)type]);
    }
}

/// <summary>A <see cref="ProxylessConfiguration"/> that is made when the first such client asks: most meshes have none.</summary>
internal sealed class LazyProxylessConfiguration
{
    private readonly Lazy<ProxylessConfiguration> _value;
    private readonly ProxylessConfiguration? _before;

    /// <param name="services">What it is made of.</param>
    /// <param name="before">The last one that was made, of an earlier configuration.</param>
    public LazyProxylessConfiguration(IReadOnlyDictionary<string, ServicePortResources> services, ProxylessConfiguration? before)
    {
        _before = before;
        _value = new Lazy<ProxylessConfiguration>(() => ProxylessConfiguration.Create(services, before));
    }

    public ProxylessConfiguration Value => _value.Value;

    /// <summary>The last one that was made, this or an earlier one; null when no client ever asked.</summary>
    public ProxylessConfiguration? Latest => _value.IsValueCreated ? _value.Value : _before;
}
