using System.Collections.Immutable;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Rollout;

/// <summary>Where a workload is between two modes of mutual TLS, its ports as <see cref="PlaintextPorts"/>.</summary>
/// <param name="Before">What clients may still go by; none when the change is over.</param>
/// <param name="Target">What they are led to.</param>
/// <param name="ClientsMove">Whether the server is open and clients are to follow.</param>
public sealed record ModeState(ValueList<string> Before, string Target, bool ClientsMove)
{
    /// <summary>Whether the server takes only what its mode says, and clients send that.</summary>
    public bool IsSettled => Before.Count == 0;

    /// <summary>Of a workload that is not between two modes.</summary>
    public static ModeState Settled(string ports) => new([], ports, ClientsMove: false);
}

/// <summary>Where all workloads are with their modes, as the leader wrote it down: it decides each step for all replicas, and who starts in
/// the midst of a change goes on from there.</summary>
/// <param name="Namespaces">By namespace, where the workloads are that are not listed.</param>
/// <param name="Workloads">The workloads that are somewhere else than most of their namespace.</param>
public sealed record ModeRecord(
    ImmutableSortedDictionary<string, ModeState> Namespaces,
    ImmutableSortedDictionary<WorkloadName, ModeState> Workloads
)
{
    /// <summary>Nothing was written down.</summary>
    public static ModeRecord Empty { get; } = Create([]);

    /// <summary>Whether no workload is between two modes.</summary>
    public bool IsSettled => Namespaces.Values.Concat(Workloads.Values).All(state => state.IsSettled);

    /// <summary>Where a workload was; null when nothing is known of its namespace.</summary>
    public ModeState? Find(WorkloadName workload) =>
        Workloads.GetValueOrDefault(workload) ?? Namespaces.GetValueOrDefault(workload.Namespace);

    /// <summary>Puts the states of all workloads together.</summary>
    public static ModeRecord Create(IEnumerable<KeyValuePair<WorkloadName, ModeState>> states)
    {
        var namespaces = ImmutableSortedDictionary.CreateBuilder<string, ModeState>(StringComparer.Ordinal);
        var workloads = ImmutableSortedDictionary.CreateBuilder<WorkloadName, ModeState>(WorkloadOrder.Instance);
        foreach (var group in states.GroupBy(state => state.Key.Namespace, StringComparer.Ordinal))
        {
            var common = group
                .GroupBy(state => state.Value)
                .OrderByDescending(same => same.Count())
                .ThenBy(same => same.Key.ToString(), StringComparer.Ordinal)
                .First()
                .Key;
            namespaces[group.Key] = common;
            foreach (var (name, state) in group)
            {
                if (state != common)
                    workloads[name] = state;
            }
        }

        return new ModeRecord(namespaces.ToImmutable(), workloads.ToImmutable());
    }

    /// <summary>Whether both say the same.</summary>
    public bool Equals(ModeRecord? other) =>
        other is not null && Namespaces.SequenceEqual(other.Namespaces) && Workloads.SequenceEqual(other.Workloads);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Namespaces.Count, Workloads.Count);

    private sealed class WorkloadOrder : IComparer<WorkloadName>
    {
        public static WorkloadOrder Instance { get; } = new();

        public int Compare(WorkloadName one, WorkloadName other) =>
            string.CompareOrdinal(one.Namespace, other.Namespace) is not 0 and var order
                ? order
                : string.CompareOrdinal(one.Pod, other.Pod);
    }
}
