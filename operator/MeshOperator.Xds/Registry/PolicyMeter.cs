using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Xds.Registry;

/// <summary>Measures how far policies have got at the proxies that a registry knows, and at others.</summary>
internal sealed class PolicyMeter(ProxyRegistry registry)
{
    private readonly SettledPolicies _settled = new();

    /// <summary>How far a policy of what is served has got.</summary>
    /// <param name="configuration">What is served.</param>
    /// <param name="policy">The policy.</param>
    /// <param name="expected">Proxies that are not connected here and are to be counted if the policy applies to them.</param>
    /// <param name="generation">The policy's generation, by which a replica of another version is judged.</param>
    public PolicyProgress Measure(EnvoyConfiguration configuration, PolicyKey policy, ExpectedProxies expected, long? generation)
    {
        if (PolicyCarriers.Find(configuration, policy) is not { } carriers)
            return PolicyProgress.None;
        var turn = Turn(configuration, expected);
        if (_settled.FindProgress(turn, policy, generation) is { } known)
            return known;
        var total = new TotalProgress();
        var libraries = new Dictionary<string, ProxyProgress>(StringComparer.Ordinal);
        foreach (var proxy in registry.Connected)
        {
            if (proxy.IsProxyless)
                MeasureLibrary(carriers, proxy, libraries);
            else if (!expected.Remote.IsElsewhere(proxy.NodeId, proxy.ConnectedAt))
                total.Add(proxy.NodeId, carriers.Measure(proxy));
        }

        foreach (var replica in expected.Remote.Replicas)
            AddLibraries(replica.Report.Policies.GetValueOrDefault(policy), libraries);
        foreach (var (nodeId, progress) in libraries)
            total.Add(nodeId, progress);
        var isSettled = total.IsSettled;
        var measure = new RemoteMeasure(policy, carriers, generation);
        foreach (var group in expected.In(configuration, registry.FindConnectedAt))
        {
            var own = group.Node.Own;
            var isShared = carriers.AreIn(configuration.FindShared(group.Node));
            if (!isShared && !carriers.AreIn(own))
                continue;
            total.AddUnconnected(group.Missing);
            foreach (var proxy in group.Elsewhere)
            {
                var state = measure.Judge(proxy.Replica, proxy.Workload.NodeId, own, isShared);
                if (proxy.Missing is { } missing && state is not RemoteState.Acknowledged)
                    total.AddUnconnected([missing]);
                else
                    total.Add(proxy.Replica, proxy.Workload.NodeId, state, measure);
            }
        }

        var result = total.ToProgress() with { Silent = expected.Remote.Silent };
        if (isSettled)
            _settled.Keep(turn, policy, generation, result);
        return result;
    }

    /// <summary>What there is to say to other replicas about the proxies that are connected here.</summary>
    public ReplicaProxies Report(EnvoyConfiguration configuration)
    {
        var turn = Turn(configuration, expected: null);
        List<ProxyConnection> connections = [.. registry.Connected];
        var proxies = ImmutableDictionary.CreateBuilder<string, ReportedProxy>(StringComparer.Ordinal);
        foreach (var proxy in connections.Where(proxy => !proxy.IsProxyless))
        {
            var own = PolicyCarriers.FindNode(configuration, proxy)?.Own.Fingerprint ?? 0;
            proxies[proxy.NodeId] = new ReportedProxy(proxy.ConnectedAt, own);
        }

        var policies = ImmutableDictionary.CreateBuilder<PolicyKey, ReportedPolicy>();
        foreach (var policy in configuration.Policies.Keys.Concat(configuration.InboundPolicies).Distinct())
        {
            var report = _settled.FindReport(policy);
            if (report is null && (report = Report(PolicyCarriers.Find(configuration, policy)!, connections)).IsSettled)
                _settled.Keep(turn, policy, report);
            policies[policy] = report;
        }

        return new ReplicaProxies(proxies.ToImmutable(), policies.ToImmutable());
    }

    private long Turn(EnvoyConfiguration configuration, ExpectedProxies? expected) =>
        _settled.Turn(configuration, registry.Unsettled, registry.HasLibraries, expected);

    private static void MeasureLibrary(PolicyCarriers carriers, ProxyConnection proxy, Dictionary<string, ProxyProgress> libraries)
    {
        var progress = libraries.GetValueOrDefault(proxy.NodeId);
        carriers.MeasureLibrary(proxy, ref progress);
        libraries[proxy.NodeId] = progress;
    }

    /// <summary>A library may have streams to several replicas, and counts once.</summary>
    private static void AddLibraries(ReportedPolicy? reported, Dictionary<string, ProxyProgress> libraries)
    {
        foreach (var nodeId in reported?.Libraries ?? [])
        {
            var progress = libraries.GetValueOrDefault(nodeId);
            progress.Count(
                reported!.Behind.Contains(nodeId, StringComparer.Ordinal),
                reported.Rejected.FirstOrDefault(rejection => rejection.NodeId == nodeId)
            );
            libraries[nodeId] = progress;
        }
    }

    private static ReportedPolicy Report(PolicyCarriers carriers, List<ProxyConnection> connections)
    {
        var (behind, rejected, unused) = (new List<string>(), new List<ProxyRejection>(), new List<string>());
        var libraries = new Dictionary<string, ProxyProgress>(StringComparer.Ordinal);
        foreach (var proxy in connections)
        {
            if (proxy.IsProxyless)
                MeasureLibrary(carriers, proxy, libraries);
            else if (carriers.AreFor(proxy))
                Sort(proxy.NodeId, carriers.Measure(proxy));
        }

        foreach (var (nodeId, progress) in libraries.Where(library => library.Value.IsTargeted))
            Sort(nodeId, progress);
        return new ReportedPolicy(
            carriers.Fingerprint(),
            Ordered(behind),
            rejected.OrderBy(rejection => rejection.NodeId, StringComparer.Ordinal).ToValueList(),
            Ordered(unused),
            Ordered(libraries.Where(library => library.Value.IsTargeted).Select(library => library.Key))
        );

        void Sort(string nodeId, ProxyProgress progress)
        {
            if (!progress.IsTargeted)
                unused.Add(nodeId);
            else if (progress.Rejection is var (resource, reason))
                rejected.Add(new ProxyRejection(nodeId, resource, reason));
            else if (progress.IsPending)
                behind.Add(nodeId);
        }
    }

    private static ValueList<string> Ordered(IEnumerable<string> nodeIds) => nodeIds.Order(StringComparer.Ordinal).ToValueList();
}
