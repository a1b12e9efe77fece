using MeshOperator.Api.V1Alpha1;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Finds the policy of a kind that selects a pod: of several the oldest, and the others say so.</summary>
/// <param name="verdicts">What is found of the policies.</param>
internal sealed class SelectorIndex<TCandidate>(VerdictBuilder verdicts)
    where TCandidate : class
{
    private readonly Dictionary<string, List<Entry>> _byNamespace = [];

    /// <summary>Adds a policy, the oldest first.</summary>
    public void Add(PolicyKey key, PodLabelSelector selector, TCandidate candidate)
    {
        if (!_byNamespace.TryGetValue(key.Namespace, out var entries)) _byNamespace[key.Namespace] = entries = [];
        if (entries.Find(other => other.Selector.IsSame(selector)) is { } older)
            verdicts.Conflict(key, $"{older.Key} is older and has the same selector; delete one of them or select other pods");
        else entries.Add(new Entry(key, selector, candidate));
    }

    /// <summary>The policy that selects a pod, or null.</summary>
    public TCandidate? Find(string ns, PodRecord pod) =>
        _byNamespace.TryGetValue(ns, out var entries) ? entries.Find(entry => entry.Selector.Selects(pod))?.Candidate : null;

    /// <summary>Lets policies say which of the pods that they select are an older one's. To be called when all are added.</summary>
    public void NoteOverlaps(ClusterSnapshot snapshot)
    {
        if (_byNamespace.Values.All(entries => entries.Count < 2)) return;
        foreach (var (name, pod) in snapshot.Pods)
        {
            if (!pod.HasProxy || pod.IsDirectAltogether || !_byNamespace.TryGetValue(name.Namespace, out var entries) || entries.Count < 2) continue;
            Entry? holder = null;
            foreach (var entry in entries)
            {
                if (!entry.Selector.Selects(pod)) continue;
                if (holder is null) verdicts.TargetFound(entry.Key);
                else entry.Lost.Add((holder, name.Name));
                holder ??= entry;
            }
        }

        foreach (var entry in _byNamespace.Values.SelectMany(entries => entries).Where(entry => entry.Lost.Count > 0))
        {
            var overlaps = entry.Lost
                .GroupBy(lost => lost.Holder.Key, lost => lost.Pod)
                .OrderBy(group => group.Key, PolicyKeyOrder.Instance)
                .Select(group => $"{group.Key} is older and also selects {Some([.. group])}");
            verdicts.Conflict(entry.Key, $"{string.Join("; ", overlaps)}; let the selectors select different pods");
        }
    }

    private static string Some(List<string> pods)
    {
        var first = pods.Min(StringComparer.Ordinal);
        return pods.Count == 1 ? $"the pod '{first}'" : $"{pods.Count} of its pods, '{first}' among them";
    }

    private sealed record Entry(PolicyKey Key, PodLabelSelector Selector, TCandidate Candidate)
    {
        /// <summary>The pods that are another's, and whose.</summary>
        public List<(Entry Holder, string Pod)> Lost { get; } = [];
    }
}
