using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Subscriptions;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Xds.Registry;

/// <summary>How far one proxy is with the resources that carry a policy.</summary>
internal struct ProxyProgress
{
    public bool IsTargeted { get; private set; }

    public bool IsPending { get; private set; }

    public Rejection? Rejection { get; private set; }

    /// <summary>Counts a resource that the proxy uses.</summary>
    /// <param name="resource">The resource as it is served now.</param>
    /// <param name="status">The proxy's state, or null when it has not asked for the type yet.</param>
    /// <param name="acknowledged">What of that name the proxy has acknowledged, or null.</param>
    public void Count(XdsResource resource, TypeStatus? status, XdsResource? acknowledged)
    {
        IsTargeted = true;
        if (status is not null
            && status.Rejected.TryGetValue(resource.Name, out var rejection)
            && rejection.Resource.Version == resource.Version)
        {
            Rejection = rejection;
        }
        else if (acknowledged?.Version != resource.Version)
        {
            IsPending = true;
        }
    }
}

/// <summary>A resource that carries a policy, measured over many proxies. As most of those are at the same state, what a name means in
/// that is remembered.</summary>
internal sealed class SharedResource(XdsResource resource)
{
    private ResourceSet? _lastSent;
    private int _lastIndex;
    private ResourceSet? _lastAcknowledged;
    private XdsResource? _lastAcknowledgedResource;

    public static List<SharedResource> Find(EnvoyConfiguration configuration, IReadOnlyList<(ResourceType Type, string Name)> resources)
    {
        var found = new List<SharedResource>();
        foreach (var (type, name) in resources)
        {
            if (configuration.Shared[(int)type].Find(name) is { } resource) found.Add(new SharedResource(resource));
        }

        return found;
    }

    /// <summary>A proxy uses the resource when it subscribes to it, or has yet to ask for its type.</summary>
    public void Measure(ProxyConnection proxy, ref ProxyProgress progress)
    {
        var status = proxy[resource.Type];
        if (status is null)
        {
            progress.Count(resource, null, null);
            return;
        }

        if (!status.IsWildcard && !SubscriptionLayer.IsSet(status.SharedNames, Index(status.SentShared))) return;
        progress.Count(resource, status, Acknowledged(status.AcknowledgedShared));
    }

    private int Index(ResourceSet sent)
    {
        if (ReferenceEquals(sent, _lastSent)) return _lastIndex;
        _lastSent = sent;
        return _lastIndex = sent.IndexOf(resource.Name);
    }

    private XdsResource? Acknowledged(ResourceSet set)
    {
        if (ReferenceEquals(set, _lastAcknowledged)) return _lastAcknowledgedResource;
        _lastAcknowledged = set;
        return _lastAcknowledgedResource = set.Find(resource.Name);
    }
}
