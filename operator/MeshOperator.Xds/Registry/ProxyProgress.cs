using System.Collections;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Subscriptions;
using MeshOperator.Xds.Translation.Inbound;

namespace MeshOperator.Xds.Registry;

/// <summary>How far one proxy is with the resources that carry a policy.</summary>
internal struct ProxyProgress
{
    public bool IsTargeted { get; private set; }

    public bool IsPending { get; private set; }

    /// <summary>The resource that was rejected, and why.</summary>
    public (string Resource, string Reason)? Rejection { get; private set; }

    /// <summary>Counts a resource that the proxy uses.</summary>
    /// <param name="resource">The resource as it is served now.</param>
    /// <param name="status">The proxy's state, or null when it has not asked for the type yet.</param>
    /// <param name="acknowledged">What of that name the proxy has acknowledged, or null.</param>
    public void Count(XdsResource resource, TypeStatus? status, XdsResource? acknowledged) =>
        Count(resource.Name, status, acknowledged, found => found.Version == resource.Version);

    /// <summary>Counts a secret that the proxy uses, of which the trust bundle does not matter.</summary>
    public void Count(CallerSecret secret, TypeStatus? status) =>
        Count(secret.Name, status, status?.AcknowledgedOwn.Find(secret.Name), found => found.Origin == secret.Id);

    /// <summary>Counts a resource that the proxy will use, when it has the listener that names it.</summary>
    /// <param name="listener">The listener's name.</param>
    /// <param name="listeners">The proxy's state of listeners.</param>
    public void Await(string listener, TypeStatus listeners)
    {
        IsTargeted = true;
        if (listeners.Rejected.TryGetValue(listener, out var rejection))
            Rejection = (rejection.Resource.Name, rejection.Reason);
        else
            IsPending = true;
    }

    /// <summary>Counts what another replica says of the same client.</summary>
    public void Count(bool isPending, ProxyRejection? rejection)
    {
        IsTargeted = true;
        IsPending |= isPending && rejection is null;
        if (rejection is not null)
            Rejection = (rejection.Resource, rejection.Reason);
    }

    private void Count(string name, TypeStatus? status, XdsResource? acknowledged, Func<XdsResource, bool> isCurrent)
    {
        IsTargeted = true;
        if (status is not null && status.Rejected.TryGetValue(name, out var rejection) && isCurrent(rejection.Resource))
            Rejection = (rejection.Resource.Name, rejection.Reason);
        else if (acknowledged is null || !isCurrent(acknowledged))
            IsPending = true;
    }
}

/// <summary>How far a policy has got to many proxies.</summary>
internal sealed class TotalProgress
{
    private readonly List<ProxyRejection> _rejected = [];
    private readonly List<IReadOnlyCollection<ExpectedProxy>> _unconnected = [];
    private int _targeted;
    private int _acknowledged;

    /// <summary>Whether all that were counted have acknowledged the policy.</summary>
    public bool IsSettled => _acknowledged == _targeted;

    /// <summary>Counts one proxy.</summary>
    public void Add(string nodeId, ProxyProgress progress)
    {
        if (!progress.IsTargeted)
            return;
        _targeted++;
        if (progress.Rejection is { } rejection)
            _rejected.Add(new ProxyRejection(nodeId, rejection.Resource, rejection.Reason));
        else if (!progress.IsPending)
            _acknowledged++;
    }

    /// <summary>Counts one proxy of another replica.</summary>
    public void Add(RemoteReplica replica, string nodeId, RemoteState state, RemoteMeasure measure)
    {
        if (state is RemoteState.Unused)
            return;
        _targeted++;
        if (state is RemoteState.Acknowledged)
            _acknowledged++;
        else if (state is RemoteState.Rejected)
            _rejected.Add(measure.FindRejection(replica, nodeId));
    }

    /// <summary>Counts proxies that are not connected.</summary>
    public void AddUnconnected(IReadOnlyCollection<ExpectedProxy> proxies)
    {
        if (proxies.Count > 0)
            _unconnected.Add(proxies);
    }

    public PolicyProgress ToProgress()
    {
        IReadOnlyCollection<ExpectedProxy> unconnected = _unconnected is [var only] ? only : new JoinedProxies(_unconnected);
        return new(_targeted + unconnected.Count, _acknowledged, _rejected) { Unconnected = unconnected };
    }
}

/// <summary>Several lists of proxies as one. They may be long, and each policy has its own, so they are not copied.</summary>
internal sealed class JoinedProxies(IReadOnlyList<IReadOnlyCollection<ExpectedProxy>> lists) : IReadOnlyCollection<ExpectedProxy>
{
    public int Count { get; } = lists.Sum(list => list.Count);

    public IEnumerator<ExpectedProxy> GetEnumerator() => lists.SelectMany(list => list).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>A resource that carries a policy, measured over many proxies. As most of those are at the same state, what a name means in
/// that is remembered.</summary>
/// <param name="resource">The resource.</param>
/// <param name="hasListener">Whether a listener of the same name uses it.</param>
internal sealed class SharedResource(XdsResource resource, bool hasListener)
{
    public ResourceType Type => resource.Type;

    private ResourceSet? _lastSent;
    private int _lastIndex;
    private ResourceSet? _lastAcknowledged;
    private XdsResource? _lastAcknowledgedResource;

    /// <summary>Those of <paramref name="shared"/> that carry <paramref name="policy"/>.</summary>
    public static List<SharedResource> Find(
        PolicyKey policy,
        IReadOnlyList<ResourceSet> shared,
        IReadOnlyDictionary<PolicyKey, IReadOnlyList<(ResourceType Type, string Name)>> policies
    )
    {
        var found = new List<SharedResource>();
        if (!policies.TryGetValue(policy, out var resources))
            return found;
        foreach (var (type, name) in resources)
        {
            if (shared[(int)type].Find(name) is { } resource)
                found.Add(Create(resource, shared));
        }

        return found;
    }

    /// <summary>A resource of a scope.</summary>
    /// <param name="resource">The resource.</param>
    /// <param name="shared">All resources of the scope.</param>
    public static SharedResource Create(XdsResource resource, IReadOnlyList<ResourceSet> shared) =>
        new(resource, resource.Type is ResourceType.Route or ResourceType.Extension && HasListener(resource.Name, shared));

    /// <summary>Whether a resource is measured by the same in both scopes.</summary>
    public static bool AreSame(ResourceType type, string name, IReadOnlyList<ResourceSet> before, IReadOnlyList<ResourceSet> after) =>
        before[(int)type].Find(name)?.Version == after[(int)type].Find(name)?.Version
        && HasListener(name, before) == HasListener(name, after);

    private static bool HasListener(string name, IReadOnlyList<ResourceSet> shared) =>
        shared[(int)ResourceType.Listener].Find(name) is not null;

    /// <summary>A proxy uses the resource when it subscribes to it, or has yet to ask for its type, or for this name as its listener is
    /// new. A library asks only for what its application calls, and for some types never.</summary>
    public void Measure(ProxyConnection proxy, ref ProxyProgress progress)
    {
        var status = proxy[resource.Type];
        if (status is null)
        {
            if (!proxy.IsProxyless)
                progress.Count(resource, null, null);
            return;
        }

        if (!status.IsWildcard && !SubscriptionLayer.IsSet(status.SharedNames, Index(status.SentShared)))
        {
            if (hasListener && proxy[ResourceType.Listener] is { IsWildcard: true } listeners)
                progress.Await(resource.Name, listeners);
            return;
        }

        progress.Count(resource, status, Acknowledged(status.AcknowledgedShared));
    }

    private int Index(ResourceSet sent)
    {
        if (ReferenceEquals(sent, _lastSent))
            return _lastIndex;
        _lastSent = sent;
        return _lastIndex = sent.IndexOf(resource.Name);
    }

    private XdsResource? Acknowledged(ResourceSet set)
    {
        if (ReferenceEquals(set, _lastAcknowledged))
            return _lastAcknowledgedResource;
        _lastAcknowledged = set;
        return _lastAcknowledgedResource = set.Find(resource.Name);
    }
}
