using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Xds.Registry;

/// <summary>Another replica of the operator, as it reported last.</summary>
/// <param name="Name">Its name in the leader election.</param>
/// <param name="IsSameVersion">Whether it runs the same version of the operator, and so serves the same from the same objects.</param>
/// <param name="Report">What it reported.</param>
public sealed record RemoteReplica(string Name, bool IsSameVersion, ReplicaProxies Report);

/// <summary>The proxies of all other replicas, and those that have just left a replica and are about to connect to another.
/// Immutable.</summary>
public sealed class RemoteProxies
{
    private readonly Dictionary<string, (RemoteReplica Replica, ReportedProxy Proxy)> _connected = new(StringComparer.Ordinal);

    /// <summary>Puts the reports together. A proxy that two replicas report counts where it connected last.</summary>
    /// <param name="replicas">The replicas that are there.</param>
    /// <param name="departed">By node id, where each proxy was that is on its way to another replica.</param>
    /// <param name="silent">The names of replicas that are there and do not report.</param>
    public RemoteProxies(
        IReadOnlyList<RemoteReplica> replicas,
        IReadOnlyDictionary<string, RemoteReplica> departed,
        IReadOnlyList<string> silent
    )
    {
        ArgumentNullException.ThrowIfNull(replicas);
        (Replicas, Departed, Silent) = (replicas, departed, silent);
        foreach (var replica in replicas)
        {
            foreach (var (node, proxy) in replica.Report.Proxies)
            {
                if (!_connected.TryGetValue(node, out var known) || known.Proxy.ConnectedAt < proxy.ConnectedAt)
                    _connected[node] = (replica, proxy);
            }
        }
    }

    /// <summary>There is no other replica.</summary>
    public static RemoteProxies None { get; } = new([], new Dictionary<string, RemoteReplica>(), []);

    /// <summary>The replicas that report.</summary>
    public IReadOnlyList<RemoteReplica> Replicas { get; }

    /// <summary>The replicas that are there and do not report.</summary>
    public IReadOnlyList<string> Silent { get; }

    /// <summary>By node id, where each proxy was that is on its way to another replica.</summary>
    public IReadOnlyDictionary<string, RemoteReplica> Departed { get; }

    /// <summary>By node id, where each proxy is connected.</summary>
    public IReadOnlyDictionary<string, (RemoteReplica Replica, ReportedProxy Proxy)> Connected => _connected;

    /// <summary>Whether a proxy is connected to another replica.</summary>
    public bool IsConnected(WorkloadName workload) => _connected.Count > 0 && _connected.ContainsKey(workload.NodeId);

    /// <summary>Where a proxy was that is on its way to another replica; null for others.</summary>
    public RemoteReplica? FindDeparted(WorkloadName workload) => Departed.Count > 0 ? Departed.GetValueOrDefault(workload.NodeId) : null;

    /// <summary>What has been reported since, where all proxies are where they were: of which policies, and by their node ids of which
    /// proxies' own resources. Null where proxies have come or gone.</summary>
    internal (HashSet<PolicyKey> Policies, List<string> Nodes)? FindChanged(RemoteProxies after)
    {
        var areAlike =
            _connected.Count == after._connected.Count
            && Departed.Count + after.Departed.Count == 0
            && Silent.SequenceEqual(after.Silent, StringComparer.Ordinal)
            && Replicas
                .Select(replica => (replica.Name, replica.IsSameVersion))
                .SequenceEqual(after.Replicas.Select(r => (r.Name, r.IsSameVersion)));
        if (!areAlike)
            return null;
        var nodes = new List<string>();
        foreach (var (node, (replica, proxy)) in after._connected)
        {
            if (
                !_connected.TryGetValue(node, out var known)
                || known.Replica.Name != replica.Name
                || known.Proxy.ConnectedAt != proxy.ConnectedAt
            )
                return null;
            if (known.Proxy.Own != proxy.Own)
                nodes.Add(node);
        }

        var policies = new HashSet<PolicyKey>();
        foreach (var (before, now) in Replicas.Zip(after.Replicas))
        {
            if (ReferenceEquals(before.Report.Policies, now.Report.Policies))
                continue;
            policies.UnionWith(before.Report.Policies.Keys.Where(policy => !now.Report.Policies.ContainsKey(policy)));
            policies.UnionWith(
                now.Report.Policies.Where(p => !ReferenceEquals(before.Report.Policies.GetValueOrDefault(p.Key), p.Value))
                    .Select(p => p.Key)
            );
        }

        return (policies, nodes);
    }

    /// <summary>Whether a proxy is connected to another replica, and since later than <paramref name="connectedHere"/>.</summary>
    public bool IsElsewhere(string nodeId, DateTimeOffset? connectedHere) =>
        _connected.TryGetValue(nodeId, out var found) && (connectedHere is not { } here || here < found.Proxy.ConnectedAt);
}

/// <summary>How far proxies of another replica are with a policy, judged by what is served here.</summary>
/// <param name="policy">The policy.</param>
/// <param name="carriers">What carries it.</param>
/// <param name="generation">Its generation; null when that is not known.</param>
internal sealed class RemoteMeasure(PolicyKey policy, PolicyCarriers carriers, long? generation)
{
    private readonly Dictionary<RemoteReplica, Exceptions> _replicas = new(ReferenceEqualityComparer.Instance);
    private ulong? _fingerprint;

    private ulong Fingerprint => _fingerprint ??= carriers.Fingerprint();

    /// <summary>The state of one proxy that is sent the policy.</summary>
    public RemoteState Judge(RemoteReplica replica, string nodeId, ProxyResources own, bool isShared)
    {
        if (!_replicas.TryGetValue(replica, out var exceptions))
            _replicas[replica] = exceptions = Exceptions.Read(replica, policy);
        if (exceptions.Policy is not { } reported || !replica.Report.Proxies.TryGetValue(nodeId, out var proxy))
            return RemoteState.Behind;
        // Another version of the operator makes other resources of the same objects.
        var isSame = replica.IsSameVersion
            ? (!isShared || reported.Shared == Fingerprint) && (!carriers.AreIn(own) || proxy.Own == own.Fingerprint)
            : reported.Generation == generation;
        return !isSame ? RemoteState.Behind
            : exceptions.Unused.Contains(nodeId) ? RemoteState.Unused
            : exceptions.Rejected.Contains(nodeId) ? RemoteState.Rejected
            : exceptions.Behind.Contains(nodeId) ? RemoteState.Behind
            : RemoteState.Acknowledged;
    }

    /// <summary>Why a proxy rejected the policy.</summary>
    public ProxyRejection FindRejection(RemoteReplica replica, string nodeId) =>
        _replicas[replica].Policy!.Rejected.First(rejection => rejection.NodeId == nodeId);

    private sealed record Exceptions(ReportedPolicy? Policy, HashSet<string> Behind, HashSet<string> Rejected, HashSet<string> Unused)
    {
        public static Exceptions Read(RemoteReplica replica, PolicyKey policy)
        {
            var found = replica.Report.Policies.GetValueOrDefault(policy);
            return new Exceptions(
                found,
                (found?.Behind ?? []).ToHashSet(StringComparer.Ordinal),
                (found?.Rejected ?? []).Select(r => r.NodeId).ToHashSet(StringComparer.Ordinal),
                (found?.Unused ?? []).ToHashSet(StringComparer.Ordinal)
            );
        }
    }
}

/// <summary>What is known of a proxy of another replica and a policy.</summary>
internal enum RemoteState
{
    /// <summary>It has not acknowledged what is served here, as far as is known.</summary>
    Behind,

    /// <summary>It has acknowledged the policy.</summary>
    Acknowledged,

    /// <summary>It has rejected the policy.</summary>
    Rejected,

    /// <summary>It does not use what carries the policy.</summary>
    Unused,
}
