using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Rollout;
using MeshOperator.Xds.LoadStats;
using MeshOperator.Xds.Registry;

namespace MeshOperator.Replicas;

/// <summary>All that a replica says to the others about itself. Immutable.</summary>
/// <param name="Proxies">How far its proxies are with policies.</param>
/// <param name="Modes">How far they are with changes of mutual TLS mode.</param>
/// <param name="Loads">What they have counted of the clusters that they are asked for.</param>
internal sealed record ReplicaState(ReplicaProxies Proxies, ReplicaModes Modes, ImmutableDictionary<string, ClusterLoad> Loads)
{
    /// <summary>Of a replica that has just started.</summary>
    public static ReplicaState None { get; } = new(ReplicaProxies.None, ReplicaModes.None, ClusterLoad.None);
}

/// <summary>How far a replica's proxies are with the changes of mode that are in progress there.</summary>
/// <param name="Steps">By node id, which step of a workload's change the replica serves.</param>
/// <param name="Unready">The node ids of connected servers that are not open for both yet.</param>
/// <param name="HaveClients">Whether all connected callers have followed where they are to follow.</param>
internal sealed record ReplicaModes(IReadOnlyDictionary<string, ModeStep> Steps, IReadOnlySet<string> Unready, bool HaveClients)
{
    /// <summary>No mode changes.</summary>
    public static ReplicaModes None { get; } = new(new Dictionary<string, ModeStep>(), new HashSet<string>(), HaveClients: true);

    /// <summary>Whether both say the same.</summary>
    public bool Equals(ReplicaModes? other) =>
        ReferenceEquals(this, other)
        || (
            other is not null
            && HaveClients == other.HaveClients
            && Steps.Count == other.Steps.Count
            && Steps.All(step => other.Steps.TryGetValue(step.Key, out var same) && same == step.Value)
            && Unready.SetEquals(other.Unready)
        );

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Steps.Count, Unready.Count, HaveClients);
}

/// <summary>A step of a change of mode.</summary>
/// <param name="Target">The ports that are to take no mutual TLS in the end; see <see cref="PlaintextPorts"/>.</param>
/// <param name="ClientsMove">Whether callers are to follow.</param>
internal readonly record struct ModeStep(string Target, bool ClientsMove);
