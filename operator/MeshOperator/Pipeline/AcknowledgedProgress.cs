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
        // Who is on its way from one replica to another is about to be connected again, and may have missed this step.
        return proxies.HasOwnListeners(workload)
            && !remote.Departed.ContainsKey(workload.NodeId)
            && remote.Silent.Count == 0
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
            && !remote.Departed.Keys.Any(proxies.IsExpected)
            && remote.Silent.Count == 0
            && remote.Replicas.All(replica =>
                peers.FindModes(replica.Name) is var modes
                && modes.HaveClients
                && rollout.Pending.All(name => rollout.Find(name) is not { ClientsMove: true } || Serves(modes, name, clientsMove: true))
            );
    }

    /// <summary>What this replica has to say of its own proxies to the others.</summary>
    public ReplicaModes Report()
    {
        if (rollout.Pending.Count == 0)
            return ReplicaModes.None;
        var steps = rollout.Pending.ToDictionary(
            name => name.NodeId,
            name => rollout.Find(name) is { } state ? new ModeStep(state.Target, state.ClientsMove) : default
        );
        var unready = rollout.Pending.Where(name => !proxies.HasOwnListeners(name)).Select(name => name.NodeId);
        return new ReplicaModes(
            steps,
            unready.ToHashSet(StringComparer.Ordinal),
            rollout.Moving.Count == 0 || proxies.HaveUpstreams(rollout.Moving)
        );
    }

    /// <summary>Whether another replica serves the step that this one does, or a later one.</summary>
    private bool Serves(ReplicaModes modes, WorkloadName workload, bool clientsMove) =>
        rollout.Find(workload) is { } state
        && modes.Steps.TryGetValue(workload.NodeId, out var step)
        && step.Target == state.Target
        && (step.ClientsMove || !clientsMove);
}
