using System.Collections.Concurrent;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Outbound;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Registry;

/// <summary>Knows the proxies that are connected to this replica and what they have acknowledged.</summary>
public sealed class ProxyRegistry
{
    private readonly SnapshotCache _cache;

    /// <summary>An Envoy has one stream, of which the last counts. A gRPC library may open one for each channel, under the same node
    /// id.</summary>
    private readonly ConcurrentDictionary<(string NodeId, ProxyConnection? OwnStream), ProxyConnection> _proxies = new();

    /// <summary>Held while a connection comes or goes, with <see cref="_connections"/>.</summary>
    private readonly Lock _gate = new();

    private long _connections;
    private (long Connections, IReadOnlyDictionary<WorkloadName, NodeEntry> Nodes, IReadOnlyList<WorkloadName> Found)? _unconnected;
    private TaskCompletionSource? _waiter;
    private long _revision;

    /// <summary>A registry that measures against what <paramref name="cache"/> serves.</summary>
    public ProxyRegistry(SnapshotCache cache)
    {
        ArgumentNullException.ThrowIfNull(cache);
        _cache = cache;
        cache.Updated += NotifyChanged;
    }

    /// <summary>How many proxies are connected; a proxy that reconnects before its old stream has ended counts once, and so does a gRPC
    /// library with several streams.</summary>
    public int Count => _proxies.Keys.DistinctBy(key => (key.NodeId, key.OwnStream is null)).Count();

    /// <summary>Grows with each change of which proxies are connected, what is served or what was acknowledged.</summary>
    public long Revision => Volatile.Read(ref _revision);

    /// <summary>Grows each time a proxy connects or goes. Who has measured something of connected and of other proxies, and finds it
    /// as it was before, has missed none and counted none twice.</summary>
    public long Connections
    {
        get
        {
            lock (_gate)
                return _connections;
        }
    }

    /// <summary>Completes when <see cref="Revision"/> is beyond <paramref name="seen"/>. Many changes may be one completion; who acts on
    /// it should then gather further ones for a moment.</summary>
    public async Task WaitForChangeAsync(long seen, CancellationToken cancellationToken = default)
    {
        while (Revision <= seen)
        {
            var waiter = Volatile.Read(ref _waiter);
            if (waiter is null)
            {
                var created = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                waiter = Interlocked.CompareExchange(ref _waiter, created, null) ?? created;
            }

            if (Revision > seen)
                return;
            await waiter.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>The connected proxies, by node id.</summary>
    internal IReadOnlyList<ProxyStatus> GetProxies() =>
        [.. _proxies.Values.OrderBy(proxy => proxy.NodeId, StringComparer.Ordinal).Select(Describe)];

    /// <summary>One connected proxy, or null.</summary>
    internal ProxyStatus? GetProxy(string nodeId) =>
        (_proxies.TryGetValue((nodeId, null), out var proxy) ? proxy : _proxies.Values.FirstOrDefault(other => other.NodeId == nodeId))
            is { } found
            ? Describe(found)
            : null;

    /// <summary>Which certificates the connected Envoys have acknowledged.</summary>
    public IReadOnlyList<ProxySecretStatus> GetSecrets() => [.. _proxies.Values.Where(proxy => !proxy.IsProxyless).Select(DescribeSecrets)];

    /// <summary>The workloads of the mesh whose Envoy is not connected, and the <see cref="Connections"/> at which that was so.</summary>
    public (IReadOnlyList<WorkloadName> Workloads, long Connections) GetUnconnected()
    {
        var nodes = _cache.Current?.Nodes;
        if (nodes is null)
            return ([], Connections);
        lock (_gate)
        {
            if (_unconnected is { } known && known.Connections == _connections && ReferenceEquals(known.Nodes, nodes))
                return (known.Found, _connections);
            var connected = _proxies
                .Values.Where(proxy => !proxy.IsProxyless)
                .Select(proxy => proxy.Workload)
                .OfType<WorkloadName>()
                .ToHashSet();
            List<WorkloadName> found =
            [
                .. nodes
                    .Keys.Where(workload => !connected.Contains(workload))
                    .OrderBy(w => w.Namespace, StringComparer.Ordinal)
                    .ThenBy(w => w.Pod, StringComparer.Ordinal),
            ];
            _unconnected = (_connections, nodes, found);
            return (found, _connections);
        }
    }

    /// <summary>How far <paramref name="policy"/>, as it is served now, has got.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="expected">Proxies that are not connected and are to be counted if the policy applies to them.</param>
    public PolicyProgress GetProgress(PolicyKey policy, ExpectedProxies? expected = null)
    {
        if (_cache.Current is not { } configuration)
            return PolicyProgress.None;
        var inbound = configuration.InboundPolicies.Contains(policy);
        if (!configuration.Policies.ContainsKey(policy) && !inbound)
            return PolicyProgress.None;

        var total = new TotalProgress();
        var libraries = new Dictionary<string, ProxyProgress>(StringComparer.Ordinal);
        var scopes = new Dictionary<IReadOnlyList<ResourceSet>, List<SharedResource>>(ReferenceEqualityComparer.Instance);
        List<SharedResource>? proxyless = null;
        foreach (var proxy in _proxies.Values)
        {
            if (proxy.IsProxyless)
            {
                proxyless ??= SharedResource.Find(policy, configuration.Proxyless.Value.Shared, configuration.Proxyless.Value.Policies);
                var progress = libraries.GetValueOrDefault(proxy.NodeId);
                foreach (var resource in proxyless)
                    resource.Measure(proxy, ref progress);
                libraries[proxy.NodeId] = progress;
            }
            else
            {
                var progress = new ProxyProgress();
                foreach (var resource in Carriers(configuration.SharedOf(NodeOf(configuration, proxy))))
                    resource.Measure(proxy, ref progress);
                if (inbound)
                    MeasureInbound(configuration, policy, proxy, ref progress);
                total.Add(proxy.NodeId, progress);
            }
        }

        foreach (var (nodeId, progress) in libraries)
            total.Add(nodeId, progress);
        foreach (var group in expected?.In(configuration) ?? [])
        {
            if (Carriers(group.Shared).Count > 0 || (inbound && group.Own.Profile.Policies.Contains(policy)))
                total.AddUnconnected(group.Proxies);
        }

        return total.ToProgress();

        List<SharedResource> Carriers(IReadOnlyList<ResourceSet> scope)
        {
            if (!scopes.TryGetValue(scope, out var shared))
                scopes.Add(scope, shared = SharedResource.Find(policy, scope, configuration.Policies));
            return shared;
        }
    }

    /// <summary>Whether the proxy of <paramref name="workload"/> has acknowledged the listeners of its own that are served now; true when
    /// it is not connected here.</summary>
    public bool HasOwnListeners(WorkloadName workload)
    {
        if (_cache.Current is not { } configuration || !configuration.Nodes.TryGetValue(workload, out var node))
            return true;
        if (!_proxies.TryGetValue((workload.NodeId, null), out var proxy))
            return true;
        var progress = new ProxyProgress();
        MeasureOwn(node, proxy, ref progress);
        return progress is { IsPending: false, Rejection: null };
    }

    /// <summary>Whether all proxies that are connected here have acknowledged the clusters and endpoints of these service ports as they are
    /// served now, as far as they are sent them.</summary>
    public bool HaveUpstreams(IReadOnlyCollection<BackendTarget> ports)
    {
        ArgumentNullException.ThrowIfNull(ports);
        if (_cache.Current is not { } configuration)
            return true;
        List<XdsResource> resources =
        [
            .. ports
                .Select(port => configuration.ServicePorts.GetValueOrDefault(Names.Outbound(port)))
                .OfType<ServicePortResources>()
                .SelectMany(port => port.Clusters.Concat(port.Endpoints)),
        ];
        var scopes = new Dictionary<IReadOnlyList<ResourceSet>, List<SharedResource>>(ReferenceEqualityComparer.Instance);
        foreach (var proxy in _proxies.Values.Where(proxy => !proxy.IsProxyless))
        {
            var scope = configuration.SharedOf(proxy.Workload);
            if (!scopes.TryGetValue(scope, out var shared))
                scopes.Add(
                    scope,
                    shared = [
                        .. resources.Where(r => scope[(int)r.Type].Find(r.Name) is not null).Select(r => SharedResource.Create(r, scope)),
                    ]
                );
            var progress = new ProxyProgress();
            foreach (var resource in shared)
            {
                // Who has yet to ask will get the newest.
                if (proxy[resource.Type] is not null)
                    resource.Measure(proxy, ref progress);
            }

            if (progress.IsPending || progress.Rejection is not null)
                return false;
        }

        return true;
    }

    internal void Add(ProxyConnection proxy)
    {
        lock (_gate)
        {
            _proxies[Key(proxy)] = proxy;
            _connections++;
        }

        NotifyChanged();
    }

    internal void Remove(ProxyConnection proxy)
    {
        lock (_gate)
        {
            if (!_proxies.TryRemove(KeyValuePair.Create(Key(proxy), proxy)))
                return;
            _connections++;
        }

        NotifyChanged();
    }

    internal void NotifyChanged()
    {
        Interlocked.Increment(ref _revision);
        Interlocked.Exchange(ref _waiter, null)?.TrySetResult();
    }

    private static (string NodeId, ProxyConnection? OwnStream) Key(ProxyConnection proxy) =>
        (proxy.NodeId, proxy.IsProxyless ? proxy : null);

    /// <summary>What a proxy is sent; one whose pod has left the mesh keeps what it had.</summary>
    private static NodeEntry? NodeOf(EnvoyConfiguration configuration, ProxyConnection proxy) =>
        proxy.Workload is { } workload && configuration.Nodes.TryGetValue(workload, out var node) ? node : proxy.Node;

    private static void MeasureInbound(
        EnvoyConfiguration configuration,
        PolicyKey policy,
        ProxyConnection proxy,
        ref ProxyProgress progress
    )
    {
        if (
            proxy.Workload is not { } workload
            || !configuration.Nodes.TryGetValue(workload, out var node)
            || !node.Own.Profile.Policies.Contains(policy)
        )
        {
            return;
        }

        MeasureOwn(node, proxy, ref progress);
    }

    private static void MeasureOwn(NodeEntry node, ProxyConnection proxy, ref ProxyProgress progress)
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

    private static ProxyStatus Describe(ProxyConnection proxy)
    {
        var types = new List<ProxyTypeStatus>();
        foreach (var type in Enum.GetValues<ResourceType>())
        {
            if (proxy[type] is not { } status)
                continue;
            types.Add(
                new ProxyTypeStatus(
                    type,
                    status.SentVersion,
                    status.AcknowledgedVersion,
                    status.SentVersion == status.AcknowledgedVersion,
                    status.LastRejection
                )
            );
        }

        return new ProxyStatus(
            proxy.NodeId,
            proxy.Workload,
            proxy.IsDelta ? XdsMode.Delta : XdsMode.StateOfTheWorld,
            proxy.Agent,
            proxy.ConnectedAt,
            types
        );
    }

    private static ProxySecretStatus DescribeSecrets(ProxyConnection proxy)
    {
        var status = proxy[ResourceType.Secret];
        return new ProxySecretStatus(
            proxy.NodeId,
            proxy.ConnectedAt,
            status is not null,
            status?.AcknowledgedOwn.Find(Names.TrustBundleSecret)?.Origin,
            status?.AcknowledgedOwn.Find(Names.IdentitySecret)?.Origin,
            status?.Rejected.Values.FirstOrDefault()?.Reason
        );
    }
}
