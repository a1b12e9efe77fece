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
    private (long Connections, object Names, IReadOnlyList<WorkloadName> Found)? _unconnected;
    private TaskCompletionSource? _waiter;
    private long _revision;
    private long _unsettled;
    private int _libraries;
    private readonly PolicyMeter _policies;

    /// <summary>A registry that measures against what <paramref name="cache"/> serves.</summary>
    public ProxyRegistry(SnapshotCache cache)
    {
        ArgumentNullException.ThrowIfNull(cache);
        _cache = cache;
        _policies = new PolicyMeter(this);
        cache.Updated += () => NotifyChanged();
    }

    /// <summary>How many proxies are connected; a proxy that reconnects before its old stream has ended counts once, and so does a gRPC
    /// library with several streams.</summary>
    public int Count => _proxies.Keys.DistinctBy(key => (key.NodeId, key.OwnStream is null)).Count();

    /// <summary>Grows with each change of which proxies are connected, what is served or what was acknowledged.</summary>
    public long Revision => Volatile.Read(ref _revision);

    /// <summary>Grows with each change by which a proxy may come to lack what it has acknowledged before: it connects or goes, subscribes
    /// to something else, or rejects something.</summary>
    internal long Unsettled => Volatile.Read(ref _unsettled);

    /// <summary>The connections of now, in no order.</summary>
    internal IEnumerable<ProxyConnection> Connected => _proxies.Values;

    /// <summary>Whether gRPC libraries are connected.</summary>
    internal bool HasLibraries => Volatile.Read(ref _libraries) > 0;

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
        if (_cache.Current is not { } configuration)
            return ([], Connections);
        var (nodes, names) = (configuration.Nodes, configuration.NodeTable.Names);
        lock (_gate)
        {
            if (_unconnected is { } known && known.Connections == _connections && ReferenceEquals(known.Names, names))
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
            _unconnected = (_connections, names, found);
            return (found, _connections);
        }
    }

    /// <summary>How far <paramref name="policy"/>, as it is served now, has got.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="expected">Proxies that are not connected here and are to be counted if the policy applies to them.</param>
    /// <param name="generation">The policy's generation, by which a replica of another version is judged.</param>
    public PolicyProgress GetProgress(PolicyKey policy, ExpectedProxies? expected = null, long? generation = null) =>
        _cache.Current is { } configuration
            ? _policies.Measure(configuration, policy, expected ?? ExpectedProxies.None, generation)
            : PolicyProgress.None;

    /// <summary>The node ids of the proxies that are connected here and that a policy applies to.</summary>
    public IReadOnlyList<string> FindTargeted(PolicyKey policy)
    {
        if (_cache.Current is not { } configuration || PolicyCarriers.Find(configuration, policy) is not { } carriers)
            return [];
        return
        [
            .. _proxies
                .Values.Where(proxy => !proxy.IsProxyless && carriers.Measure(proxy).IsTargeted)
                .Select(proxy => proxy.NodeId)
                .Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>What this replica can say to others about its proxies.</summary>
    public ReplicaProxies Report() => _cache.Current is { } configuration ? _policies.Report(configuration) : ReplicaProxies.None;

    /// <summary>Whether the proxy of <paramref name="workload"/> has acknowledged the listeners of its own that are served now; true when
    /// it is not connected here.</summary>
    public bool HasOwnListeners(WorkloadName workload)
    {
        if (_cache.Current is not { } configuration || !configuration.Nodes.TryGetValue(workload, out var node))
            return true;
        if (!_proxies.TryGetValue((workload.NodeId, null), out var proxy))
            return true;
        var progress = new ProxyProgress();
        PolicyCarriers.MeasureOwn(node, proxy, ref progress);
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
            var scope = configuration.FindShared(proxy.Workload);
            if (!scopes.TryGetValue(scope, out var shared))
                scopes.Add(
                    scope,
                    shared = [
                        .. resources
                            .Select(r => scope[(int)r.Type].Find(r.Name))
                            .OfType<XdsResource>()
                            .Select(r => SharedResource.Create(r, scope)),
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
            _libraries += proxy.IsProxyless ? 1 : 0;
        }

        NotifyChanged(unsettles: true);
    }

    internal void Remove(ProxyConnection proxy)
    {
        lock (_gate)
        {
            if (!_proxies.TryRemove(KeyValuePair.Create(Key(proxy), proxy)))
                return;
            _connections++;
            _libraries -= proxy.IsProxyless ? 1 : 0;
        }

        NotifyChanged(unsettles: true);
    }

    /// <summary>Wakes those who wait for a change.</summary>
    /// <param name="unsettles">Whether <see cref="Unsettled"/> is to grow.</param>
    internal void NotifyChanged(bool unsettles = false)
    {
        if (unsettles)
            Interlocked.Increment(ref _unsettled);
        Interlocked.Increment(ref _revision);
        Interlocked.Exchange(ref _waiter, null)?.TrySetResult();
    }

    private static (string NodeId, ProxyConnection? OwnStream) Key(ProxyConnection proxy) =>
        (proxy.NodeId, proxy.IsProxyless ? proxy : null);

    /// <summary>Whether the mesh has a workload with that node id.</summary>
    public bool IsExpected(string nodeId) =>
        WorkloadName.TryParseNodeId(nodeId, out var workload) && _cache.Current?.Nodes.ContainsKey(workload) == true;

    /// <summary>Since when an Envoy is connected to this replica; null when it is not.</summary>
    public DateTimeOffset? FindConnectedAt(string nodeId) => _proxies.TryGetValue((nodeId, null), out var proxy) ? proxy.ConnectedAt : null;

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
