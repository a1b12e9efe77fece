using System.Collections.Concurrent;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Xds.Registry;

/// <summary>Knows the proxies that are connected to this replica and what they have acknowledged.</summary>
public sealed class ProxyRegistry
{
    private readonly SnapshotCache _cache;
    private readonly ConcurrentDictionary<string, ProxyConnection> _proxies = new(StringComparer.Ordinal);
    private TaskCompletionSource? _waiter;
    private long _revision;

    /// <summary>A registry that measures against what <paramref name="cache"/> serves.</summary>
    public ProxyRegistry(SnapshotCache cache)
    {
        ArgumentNullException.ThrowIfNull(cache);
        _cache = cache;
        cache.Updated += NotifyChanged;
    }

    /// <summary>How many proxies are connected; a proxy that connects anew before its old stream has ended counts once.</summary>
    public int Count => _proxies.Count;

    /// <summary>Grows with each change of which proxies are connected, what is served or what was acknowledged.</summary>
    public long Revision => Volatile.Read(ref _revision);

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

            if (Revision > seen) return;
            await waiter.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>The connected proxies, by node id.</summary>
    public IReadOnlyList<ProxyStatus> GetProxies() =>
        [.. _proxies.Values.OrderBy(proxy => proxy.NodeId, StringComparer.Ordinal).Select(Describe)];

    /// <summary>One connected proxy, or null.</summary>
    public ProxyStatus? GetProxy(string nodeId) => _proxies.TryGetValue(nodeId, out var proxy) ? Describe(proxy) : null;

    /// <summary>How far <paramref name="policy"/>, as it is served now, has got.</summary>
    public PolicyProgress GetProgress(PolicyKey policy)
    {
        if (_cache.Current is not { } configuration) return PolicyProgress.None;
        var shared = configuration.Policies.TryGetValue(policy, out var resources) ? SharedResource.Find(configuration, resources) : [];
        var inbound = configuration.InboundPolicies.Contains(policy);
        if (shared.Count == 0 && !inbound) return PolicyProgress.None;

        int targeted = 0, acknowledged = 0;
        List<ProxyRejection> rejected = [];
        foreach (var proxy in _proxies.Values)
        {
            var progress = new ProxyProgress();
            foreach (var resource in shared) resource.Measure(proxy, ref progress);
            if (inbound) MeasureInbound(configuration, policy, proxy, ref progress);
            if (!progress.IsTargeted) continue;
            targeted++;
            if (progress.Rejection is { } rejection) rejected.Add(new ProxyRejection(proxy.NodeId, rejection.Resource.Name, rejection.Reason));
            else if (!progress.IsPending) acknowledged++;
        }

        return new PolicyProgress(targeted, acknowledged, rejected);
    }

    internal void Add(ProxyConnection proxy)
    {
        _proxies[proxy.NodeId] = proxy;
        NotifyChanged();
    }

    internal void Remove(ProxyConnection proxy)
    {
        if (_proxies.TryRemove(KeyValuePair.Create(proxy.NodeId, proxy))) NotifyChanged();
    }

    internal void NotifyChanged()
    {
        Interlocked.Increment(ref _revision);
        Interlocked.Exchange(ref _waiter, null)?.TrySetResult();
    }

    private static void MeasureInbound(EnvoyConfiguration configuration, PolicyKey policy, ProxyConnection proxy, ref ProxyProgress progress)
    {
        if (proxy.Workload is not { } workload
            || !configuration.Nodes.TryGetValue(workload, out var node)
            || !node.Own.Profile.Policies.Contains(policy))
        {
            return;
        }

        var status = proxy[ResourceType.Listener];
        foreach (var listener in node.Own.Listeners.Items) progress.Count(listener, status, status?.AcknowledgedOwn.Find(listener.Name));
    }

    private static ProxyStatus Describe(ProxyConnection proxy)
    {
        var types = new List<ProxyTypeStatus>();
        foreach (var type in Enum.GetValues<ResourceType>())
        {
            if (proxy[type] is not { } status) continue;
            types.Add(new ProxyTypeStatus(
                type, status.SentVersion, status.AcknowledgedVersion, status.SentVersion == status.AcknowledgedVersion, status.LastRejection));
        }

        return new ProxyStatus(
            proxy.NodeId,
            proxy.Workload,
            proxy.IsDelta ? XdsMode.Delta : XdsMode.StateOfTheWorld,
            proxy.Agent,
            proxy.ConnectedAt,
            types);
    }
}
