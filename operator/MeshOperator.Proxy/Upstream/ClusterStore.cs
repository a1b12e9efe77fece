using System.Collections.Concurrent;
using Envoy.Config.Cluster.V3;
using Envoy.Config.Endpoint.V3;
using MeshOperator.Proxy.Statistics;
using MeshOperator.Proxy.Tls;

namespace MeshOperator.Proxy.Upstream;

/// <summary>The clusters that the operator has sent, with their endpoints.</summary>
internal sealed class ClusterStore(SecretStore secrets, ProxyStatistics statistics, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan LongestUse = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, UpstreamCluster> _clusters = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ClusterLoadAssignment> _endpoints = new(StringComparer.Ordinal);

    /// <summary>All clusters.</summary>
    public IEnumerable<UpstreamCluster> All => _clusters.Values;

    /// <summary>A cluster, or null.</summary>
    public UpstreamCluster? Find(string name) => _clusters.GetValueOrDefault(name);

    /// <summary>Takes a cluster. Requests in flight finish on the one before.</summary>
    /// <exception cref="ArgumentException">Something in it cannot be had here.</exception>
    public void Set(Cluster cluster)
    {
        var made = new UpstreamCluster(cluster, secrets, statistics, time);
        var before = Find(cluster.Name);
        if (made.EndpointsName is { } name && _endpoints.TryGetValue(name, out var endpoints))
        {
            if (before?.EndpointsName == name)
                made.TakeEndpoints(before);
            made.SetEndpoints(endpoints);
        }

        _clusters[cluster.Name] = made;
        Retire(before);
    }

    /// <summary>Takes endpoints.</summary>
    public void SetEndpoints(ClusterLoadAssignment assignment)
    {
        _endpoints[assignment.ClusterName] = assignment;
        foreach (var cluster in _clusters.Values.Where(cluster => cluster.EndpointsName == assignment.ClusterName))
            cluster.SetEndpoints(assignment);
    }

    /// <summary>Lets a cluster go.</summary>
    public void Remove(string name)
    {
        if (_clusters.TryRemove(name, out var cluster))
            Retire(cluster);
    }

    /// <summary>Ends all kept connections.</summary>
    public void Dispose()
    {
        foreach (var cluster in _clusters.Values)
            cluster.Dispose();
    }

    private void Retire(UpstreamCluster? cluster)
    {
        if (cluster is not null)
            _ = RetireAsync(cluster);
    }

    private async Task RetireAsync(UpstreamCluster cluster)
    {
        await Task.Delay(LongestUse, time);
        cluster.Dispose();
    }
}
