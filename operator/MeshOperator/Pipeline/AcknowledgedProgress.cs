using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Rollout;
using MeshOperator.Replicas;
using MeshOperator.Xds.Registry;

namespace MeshOperator.Pipeline;

/// <summary>Progress by what the proxies of all replicas have acknowledged.</summary>
/// <param name="proxies">Those of this replica.</param>
/// <param name="peers">Those of the others.</param>
/// <param name="rollout">The steps that this replica serves.</param>
internal sealed class AcknowledgedProgress(ProxyRegistry proxies, ReplicaPeers peers, ModeRollout rollout) : IRolloutProgress
{
    /// <remarks>Each replica judges its own proxies. Where a proxy is connected need not be known here yet, so all are asked.</remarks>
    public bool HasServer(WorkloadName workload)
    {
        var remote = peers.Current;
        return proxies.HasOwnListeners(workload)
            && !IsOnItsWay(remote, workload.NodeId)
            && (remote.Silent.Count == 0 || remote.Connected.ContainsKey(workload.NodeId) || IsHere(workload.NodeId))
            && remote.Replicas.All(replica =>
                peers.FindModes(replica.Name) is var modes
                && Serves(modes, workload, clientsMove: false)
                && !modes.Unready.Contains(workload.NodeId)
            );
    }

    public bool HaveClients(IReadOnlyCollection<BackendTarget> ports)
    {
        var remote = peers.Current;
        return proxies.HaveUpstreams(ports)
            && !remote.Departed.Keys.Any(node => proxies.IsExpected(node) && IsOnItsWay(remote, node))
            && (remote.Silent.Count == 0 || AreAllConnected(remote))
            && remote.Replicas.All(replica =>
                peers.FindModes(replica.Name) is var modes
                && modes.HaveClients
                && rollout.Pending.All(name => rollout.Find(name) is not { ClientsMove: true } || Serves(modes, name, clientsMove: true))
            );
    }

    /// <summary>What this replica has to say of its own proxies to the others, measured at each call, on any thread.</summary>
    public Func<ReplicaModes> Report()
    {
        if (rollout.Pending.Count == 0)
            return () => ReplicaModes.None;
        var steps = rollout.Pending.ToDictionary(
            name => name.NodeId,
            name => rollout.Find(name) is { } state ? new ModeStep(state.Target, state.ClientsMove) : default
        );
        WorkloadName[] pending = [.. rollout.Pending];
        var moving = rollout.Moving;
        return () =>
            new ReplicaModes(
                steps,
                pending.Where(name => !proxies.HasOwnListeners(name)).Select(name => name.NodeId).ToHashSet(StringComparer.Ordinal),
                moving.Count == 0 || proxies.HaveUpstreams(moving)
            );
    }

    /// <summary>Whether a proxy has left a replica, and is not known to have connected since. It is about to connect again, and may have
    /// missed this step.</summary>
    private bool IsOnItsWay(RemoteProxies remote, string nodeId)
    {
        if (!remote.Departed.TryGetValue(nodeId, out var left))
            return false;
        if (!left.Report.Proxies.TryGetValue(nodeId, out var before))
            return true;
        // A replica that was started again reports the same streams under another name, so the same moment counts.
        var isElsewhere = remote.Connected.TryGetValue(nodeId, out var found) && found.Proxy.ConnectedAt >= before.ConnectedAt;
        return !isElsewhere && !(proxies.FindConnectedAt(nodeId) >= before.ConnectedAt);
    }

    /// <summary>Whether no proxy of the mesh can be with a replica that does not report, as all are connected to others.</summary>
    private bool AreAllConnected(RemoteProxies remote) =>
        proxies.GetUnconnected().Workloads.All(workload => remote.Connected.ContainsKey(workload.NodeId));

    private bool IsHere(string nodeId) => proxies.FindConnectedAt(nodeId) is not null;

    /// <summary>Whether another replica serves the step that this one does, or a later one.</summary>
    private bool Serves(ReplicaModes modes, WorkloadName workload, bool clientsMove) =>
        rollout.Find(workload) is { } state
        && modes.Steps.TryGetValue(workload.NodeId, out var step)
        && step.Target == state.Target
        && (step.ClientsMove || !clientsMove);
}
