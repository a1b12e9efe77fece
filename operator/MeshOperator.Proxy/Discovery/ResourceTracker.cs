using System.Collections.Concurrent;
using Envoy.Config.Cluster.V3;
using Envoy.Config.Core.V3;
using Envoy.Config.Endpoint.V3;
using Envoy.Config.Listener.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.TransportSockets.Tls.V3;
using Envoy.Service.Discovery.V3;
using Envoy.Service.Runtime.V3;
using Google.Protobuf;
using MeshOperator.Proxy.Filters;
using MeshOperator.Proxy.Listeners;
using MeshOperator.Proxy.Resources;
using MeshOperator.Proxy.Routing;
using MeshOperator.Xds.Resources;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Proxy.Discovery;

/// <summary>Holds the last good configuration, and puts it into effect. What is rejected leaves what there was.</summary>
internal sealed class ResourceTracker : IResourceReceiver
{
    private const string InboundPrefix = "inbound/";

    /// <summary>What Envoy waits for resources that others name.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(15);

    private static readonly IReadOnlySet<string> Nothing = new HashSet<string>();

    private readonly string _nodeId;
    private readonly string? _runtimeLayer;
    private readonly string? _rejectRoutes;
    private readonly ChainFactory _stores;
    private readonly ListenerSet _listeners;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<(ResourceType Type, string Name), ReadResource> _held = new();
    private readonly HashSet<(ResourceType Type, string Name)> _arrived = [];
    private readonly HashSet<ResourceType> _answered = [];
    private readonly Dictionary<string, (ListenerPlan Plan, IReadOnlySet<(ResourceType, string)> References)> _waiting = [];
    private readonly Lock _gate = new();
    private volatile bool _isReady;
    private long? _answeredAt;

    /// <summary>Makes it.</summary>
    public ResourceTracker(
        string nodeId,
        string? runtimeLayer,
        string? rejectRoutes,
        ChainFactory stores,
        ListenerSet listeners,
        ILogger logger
    )
    {
        _nodeId = nodeId;
        _runtimeLayer = runtimeLayer;
        _rejectRoutes = rejectRoutes;
        _stores = stores;
        _listeners = listeners;
        _logger = logger;
    }

    /// <summary>What is in effect.</summary>
    public IEnumerable<ReadResource> Held => _held.Values;

    /// <summary>Whether there is a configuration, and all listeners of it are open.</summary>
    public bool IsReady
    {
        get
        {
            // Who was ready once stays so, as with Envoy.
            if (_isReady)
                return true;
            lock (_gate)
                return _isReady =
                    IsConfigured() && _held.Keys.All(key => key.Type is not ResourceType.Listener || _listeners.IsOpen(key.Name));
        }
    }

    /// <inheritdoc/>
    public IReadOnlySet<string>? Wanted(ResourceType type)
    {
        if (type.IsComplete())
            return null;
        if (type is ResourceType.Runtime)
            return _runtimeLayer is null ? Nothing : new HashSet<string> { _runtimeLayer };
        return _held
            .Values.SelectMany(resource => resource.References)
            .Where(name => name.Type == type)
            .Select(name => name.Name)
            .ToHashSet();
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Versions(ResourceType type) =>
        _held.Values.Where(resource => resource.Type == type).ToDictionary(resource => resource.Name, resource => resource.Version);

    /// <inheritdoc/>
    public string? Receive(ResourceType type, IReadOnlyList<Resource> resources, IReadOnlyList<string> removed)
    {
        lock (_gate)
            return Take(type, resources, removed);
    }

    private string? Take(ResourceType type, IReadOnlyList<Resource> resources, IReadOnlyList<string> removed)
    {
        var errors = new List<string>();
        foreach (var resource in resources)
        {
            try
            {
                if (
                    _rejectRoutes is not null
                    && type is ResourceType.Route
                    && !resource.Name.StartsWith(InboundPrefix, StringComparison.Ordinal)
                )
                    throw new UnsupportedResourceException(_rejectRoutes);
                var read = ResourceReader.Read(type, resource.Name, resource.Version, resource.Resource_);
                Apply(read);
                _held[(type, read.Name)] = read;
            }
#pragma warning disable CA1031 // Whatever is wrong with a resource, it is rejected.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                errors.Add($"{resource.Name}: {exception.Message}");
            }

            _arrived.Add((type, resource.Name));
        }

        foreach (var name in removed)
            Remove(type, name);
        _answered.Add(type);
        OpenListeners();
        if (errors.Count == 0)
        {
            _logger.Accepted(_nodeId, resources.Count, type.ShortName(), removed.Count);
            return null;
        }

        var error = string.Join("; ", errors);
        _logger.Rejected(_nodeId, error);
        return error;
    }

    /// <summary>Whether there are clusters and listeners, and what they name has come, or was waited for long enough.</summary>
    private bool IsConfigured()
    {
        if (!_answered.Contains(ResourceType.Cluster) || !_answered.Contains(ResourceType.Listener) || _waiting.Count > 0)
            return false;
        _answeredAt ??= _stores.Time.GetTimestamp();
        return _held.Values.SelectMany(resource => resource.References).All(_arrived.Contains)
            || _stores.Time.GetElapsedTime(_answeredAt.Value) > LongestWait;
    }

    private void Apply(ReadResource resource)
    {
        switch (resource.Message)
        {
            case Cluster cluster:
                _stores.Clusters.Set(cluster);
                break;
            case ClusterLoadAssignment assignment:
                _stores.Clusters.SetEndpoints(assignment);
                break;
            case Listener listener:
                _waiting[resource.Name] = (ListenerPlan.Create(listener, _stores), resource.References);
                break;
            case RouteConfiguration routes:
                Check(routes);
                _stores.Routes.Set(new RouteTable(routes));
                break;
            case Secret secret:
                _stores.Secrets.Set(secret);
                break;
            case TypedExtensionConfig extension:
                _stores.Extensions.Set(extension);
                break;
            case Runtime runtime:
                _stores.Runtime.Set(runtime.Layer);
                break;
        }
    }

    /// <summary>What routes say to filters is read here, so that an error rejects the routes.</summary>
    private void Check(RouteConfiguration routes)
    {
        foreach (var filter in routes.VirtualHosts.SelectMany(host => host.Routes).SelectMany(route => route.TypedPerFilterConfig.Values))
            HttpFilters.Make(filter, _stores.Time);
    }

    /// <summary>As Envoy does it, what others name stays when it is removed.</summary>
    private void Remove(ResourceType type, string name)
    {
        _arrived.Add((type, name));
        if (type is ResourceType.Cluster)
            _stores.Clusters.Remove(name);
        else if (type is ResourceType.Listener)
            RemoveListener(name);
        else if (type is ResourceType.Runtime)
            _stores.Runtime.Set(null);
        else
            return;
        _held.TryRemove((type, name), out _);
    }

    private void RemoveListener(string name)
    {
        _waiting.Remove(name);
        _listeners.Remove(name);
    }

    /// <summary>A listener opens, or changes, when all that it names has come.</summary>
    private void OpenListeners()
    {
        foreach (var (name, (plan, references)) in _waiting.ToList())
        {
            if (!references.All(_arrived.Contains))
                continue;
            _waiting.Remove(name);
            _listeners.Set(plan);
        }
    }
}
