using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Xds.Registry;

/// <summary>What of a configuration carries one policy, and how far one proxy is with that. For one measurement; not thread-safe.</summary>
internal sealed class PolicyCarriers
{
    private readonly EnvoyConfiguration _configuration;
    private readonly PolicyKey _policy;
    private readonly bool _isInbound;
    private readonly Dictionary<IReadOnlyList<ResourceSet>, List<SharedResource>> _scopes = new(ReferenceEqualityComparer.Instance);
    private List<SharedResource>? _proxyless;

    private PolicyCarriers(EnvoyConfiguration configuration, PolicyKey policy, bool isInbound) =>
        (_configuration, _policy, _isInbound) = (configuration, policy, isInbound);

    /// <summary>Null when nothing of the configuration carries the policy.</summary>
    public static PolicyCarriers? Find(EnvoyConfiguration configuration, PolicyKey policy)
    {
        var isInbound = configuration.InboundPolicies.Contains(policy);
        return isInbound || configuration.Policies.ContainsKey(policy) ? new PolicyCarriers(configuration, policy, isInbound) : null;
    }

    /// <summary>The policies that may be carried by something else, or to other proxies, in <paramref name="after"/>; null when that may be
    /// all.</summary>
    /// <param name="before">The configuration before.</param>
    /// <param name="after">The configuration.</param>
    /// <param name="hasLibraries">Whether gRPC libraries count.</param>
    public static IReadOnlySet<PolicyKey>? FindChanged(EnvoyConfiguration before, EnvoyConfiguration after, bool hasLibraries)
    {
        if (hasLibraries && !ReferenceEquals(before.Proxyless, after.Proxyless))
            return null;
        var changed = new HashSet<PolicyKey>();
        if (!ReferenceEquals(before.NodeTable, after.NodeTable))
        {
            if (after.NodeTable.FindReplaced(before.NodeTable) is not { } replaced)
                return null;
            foreach (var name in replaced)
            {
                var (old, current) = (before.Nodes[name], after.Nodes[name]);
                if (old.Scope != current.Scope)
                    return null;
                if (ReferenceEquals(old.Own, current.Own))
                    continue;
                changed.UnionWith(old.Own.Profile.Policies);
                changed.UnionWith(current.Own.Profile.Policies);
            }
        }

        if (before.Scopes.Count != after.Scopes.Count)
            return null;
        if (!ReferenceEquals(before.Policies, after.Policies))
        {
            changed.UnionWith(before.Policies.Keys.Where(policy => !after.Policies.ContainsKey(policy)));
            changed.UnionWith(
                after
                    .Policies.Where(policy => before.Policies.GetValueOrDefault(policy.Key)?.SequenceEqual(policy.Value) != true)
                    .Select(policy => policy.Key)
            );
        }

        AddChanged(after, before.Shared, after.Shared, changed);
        foreach (var (scope, sets) in after.Scopes)
        {
            if (!before.Scopes.TryGetValue(scope, out var old))
                return null;
            AddChanged(after, old, sets, changed);
        }

        return changed;
    }

    private static void AddChanged(
        EnvoyConfiguration after,
        IReadOnlyList<ResourceSet> old,
        IReadOnlyList<ResourceSet> current,
        HashSet<PolicyKey> changed
    )
    {
        // No policy is carried by endpoints, which change most.
        if (
            Enumerable
                .Range(0, ResourceTypes.Count)
                .All(type => type is (int)ResourceType.Endpoints || ReferenceEquals(old[type], current[type]))
        )
            return;
        foreach (var (policy, carriers) in after.Policies)
        {
            if (!changed.Contains(policy) && !carriers.All(carrier => SharedResource.AreSame(carrier.Type, carrier.Name, old, current)))
                changed.Add(policy);
        }
    }

    /// <summary>Whether shared resources of a scope carry the policy.</summary>
    public bool AreIn(IReadOnlyList<ResourceSet> scope) => InScope(scope).Count > 0;

    /// <summary>Whether resources of its own carry the policy to a proxy.</summary>
    public bool AreIn(ProxyResources own) => _isInbound && own.Profile.Policies.Contains(_policy);

    /// <summary>Measures an Envoy.</summary>
    public ProxyProgress Measure(ProxyConnection proxy)
    {
        var progress = new ProxyProgress();
        foreach (var resource in InScope(_configuration.FindShared(FindNode(_configuration, proxy))))
            resource.Measure(proxy, ref progress);
        if (proxy.Workload is { } workload && _configuration.Nodes.TryGetValue(workload, out var node) && AreIn(node.Own))
            MeasureOwn(node, proxy, ref progress);
        return progress;
    }

    /// <summary>Whether the policy is carried to a connected Envoy, whether it uses that or not.</summary>
    public bool AreFor(ProxyConnection proxy) =>
        AreIn(_configuration.FindShared(FindNode(_configuration, proxy)))
        || (proxy.Workload is { } workload && _configuration.Nodes.TryGetValue(workload, out var node) && AreIn(node.Own));

    /// <summary>Measures a stream of a gRPC library, which may have several.</summary>
    public void MeasureLibrary(ProxyConnection proxy, ref ProxyProgress progress)
    {
        _proxyless ??= SharedResource.Find(_policy, _configuration.Proxyless.Value.Shared, _configuration.Proxyless.Value.Policies);
        foreach (var resource in _proxyless)
            resource.Measure(proxy, ref progress);
    }

    /// <summary>The content of all shared resources that carry the policy, as one number that is the same on every replica.</summary>
    public ulong Fingerprint()
    {
        if (!_configuration.Policies.TryGetValue(_policy, out var resources))
            return 0;
        var seen = new HashSet<XdsResource>(ReferenceEqualityComparer.Instance);
        foreach (var scope in _configuration.Scopes.Values.Prepend(_configuration.Shared))
        {
            foreach (var (type, name) in resources)
            {
                if (scope[(int)type].Find(name) is { } resource)
                    seen.Add(resource);
            }
        }

        return Fingerprints.Combine(seen);
    }

    /// <summary>What a proxy is sent; one whose pod has left the mesh keeps what it had.</summary>
    public static NodeEntry? FindNode(EnvoyConfiguration configuration, ProxyConnection proxy) =>
        proxy.Workload is { } workload && configuration.Nodes.TryGetValue(workload, out var node) ? node : proxy.Node;

    /// <summary>Measures all that is a proxy's own.</summary>
    public static void MeasureOwn(NodeEntry node, ProxyConnection proxy, ref ProxyProgress progress)
    {
        foreach (var type in (ReadOnlySpan<ResourceType>)[ResourceType.Listener, ResourceType.Route, ResourceType.Extension])
            Measure(type, proxy[type], ref progress);

        // Who asks for listeners has asked for clusters before. Pods that were injected before there was a runtime layer do not ask for it.
        foreach (var type in (ReadOnlySpan<ResourceType>)[ResourceType.Cluster, ResourceType.Runtime])
        {
            if (proxy[type] is { } status)
                Measure(type, status, ref progress);
        }

        var secrets = proxy[ResourceType.Secret];
        foreach (var callers in node.Own.Callers)
            progress.Count(callers, secrets);

        void Measure(ResourceType type, TypeStatus? status, ref ProxyProgress total)
        {
            foreach (var resource in node.Own[type].Items)
                total.Count(resource, status, status?.AcknowledgedOwn.Find(resource.Name));
        }
    }

    private List<SharedResource> InScope(IReadOnlyList<ResourceSet> scope)
    {
        if (!_scopes.TryGetValue(scope, out var shared))
            _scopes.Add(scope, shared = SharedResource.Find(_policy, scope, _configuration.Policies));
        return shared;
    }
}
