using System.Collections.Immutable;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Mesh.Model;
using MeshOperator.Snapshots;
using MeshOperator.Xds.Registry;

namespace MeshOperator.Statuses;

/// <summary>Finds the proxies that ought to be connected and are not: those whose pod is not being deleted and whose container runs by the
/// pod's status. What changes of a pod's status is read here only, and never makes a translation.</summary>
/// <param name="registry">Who is connected.</param>
/// <param name="pods">The pods as they are known now.</param>
/// <param name="remote">The proxies of other replicas as they are known now.</param>
/// <param name="time">The clock.</param>
internal sealed class ProxyCensus(
    ProxyRegistry registry,
    Func<ImmutableDictionary<ObjectKey, V1Pod>> pods,
    Func<RemoteProxies> remote,
    TimeProvider time
)
{
    /// <summary>How long policies wait for a proxy whose pod is not ready any more. One sick pod must not hold all policies.</summary>
    public static readonly TimeSpan WaitsForUnready = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private Dictionary<WorkloadName, DateTimeOffset> _missedSince = [];
    private (ImmutableDictionary<ObjectKey, V1Pod>? Pods, IReadOnlyList<WorkloadName> Unconnected) _seen = (null, []);
    private ExpectedProxies _latest = ExpectedProxies.None;

    /// <summary>The expected proxies as they are now.</summary>
    public ExpectedProxies Take()
    {
        lock (_gate)
        {
            var (known, others, (workloads, connections)) = (pods(), remote(), registry.GetUnconnected());
            var isSame = connections == _latest.Connections && ReferenceEquals(others, _latest.Remote);
            if (isSame && ReferenceEquals(known, _seen.Pods) && ReferenceEquals(workloads, _seen.Unconnected))
                return _latest;
            _seen = (known, workloads);
            var now = time.GetUtcNow();
            var since = new Dictionary<WorkloadName, DateTimeOffset>();
            var expected = new List<ExpectedProxy>();
            foreach (var workload in workloads)
            {
                if (
                    others.IsConnected(workload)
                    || !known.TryGetValue(new ObjectKey(workload.Namespace, workload.Pod), out var pod)
                    || ProxyPod.Read(pod) is not { IsRunning: true } state
                )
                    continue;
                since[workload] = _missedSince.GetValueOrDefault(workload, now);
                expected.Add(new ExpectedProxy(workload, since[workload], state.UnreadySince + WaitsForUnready));
            }

            _missedSince = since;
            // The same proxies stay the same object, with what was found out about them.
            if (!isSame || !expected.SequenceEqual(_latest.All))
                _latest = new ExpectedProxies(expected, connections, others);
            return _latest;
        }
    }
}
