using MeshOperator.Api;
using MeshOperator.Api.Policies;
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

    /// <summary>Lets policies say which of the pods that they select are an older one's, and when they select none with a proxy. To be called
    /// when all are added.</summary>
    public void NotePods(ClusterSnapshot snapshot)
    {
        if (_byNamespace.Count == 0) return;
        foreach (var (name, pod) in snapshot.Pods)
        {
            if (!_byNamespace.TryGetValue(name.Namespace, out var entries)) continue;
            Entry? holder = null;
            foreach (var entry in entries)
            {
                if (!entry.Selector.Selects(pod)) continue;
                if (!pod.HasProxy || pod.IsDirectAltogether)
                {
                    (pod.HasProxy ? entry.Passing : entry.WithoutProxy).Add(name.Name);
                    continue;
                }

                entry.HasProxies = true;
                if (entries.Count < 2) continue;
                if (holder is null) verdicts.TargetFound(entry.Key);
                else entry.Lost.Add((holder, name.Name));
                holder ??= entry;
            }
        }

        foreach (var (ns, entry) in _byNamespace.SelectMany(entries => entries.Value.Select(entry => (entries.Key, entry))).Where(entry => !entry.entry.HasProxies))
            verdicts.NoProxy(entry.Key, WhyNoProxy(ns, entry));
        foreach (var entry in _byNamespace.Values.SelectMany(entries => entries).Where(entry => entry.Lost.Count > 0))
        {
            var overlaps = entry.Lost
                .GroupBy(lost => lost.Holder.Key, lost => lost.Pod)
                .OrderBy(group => group.Key, PolicyKeyOrder.Instance)
                .Select(group => $"{group.Key} is older and also selects {Some([.. group])}");
            verdicts.Conflict(entry.Key, $"{string.Join("; ", overlaps)}; let the selectors select different pods");
        }
    }

    private static string WhyNoProxy(string ns, Entry entry)
    {
        if (entry.WithoutProxy.Count > 0)
            return $"The policy selects {Some(entry.WithoutProxy)}, and none that has a sidecar; label the namespace '{ns}' with {MeshNames.InjectionLabel}: {MeshNames.InjectionEnabled}, or the pods with {MeshNames.InjectLabel}: \"true\", and make them anew.";
        return entry.Passing.Count > 0
            ? $"The policy selects {Some(entry.Passing)}, whose connections do not pass the sidecar; take the annotation {SidecarAnnotations.Interception} away, and make them anew."
            : $"The selector selects no pod of the namespace '{ns}'; give it labels that the pods have.";
    }

    private static string Some(List<string> pods)
    {
        var first = pods.Min(StringComparer.Ordinal);
        return pods.Count == 1 ? $"the pod '{first}'" : $"{pods.Count} of its pods, '{first}' among them";
    }

    private sealed record Entry(PolicyKey Key, PodLabelSelector Selector, TCandidate Candidate)
    {
        /// <summary>Whether it selects pods whose connections pass a proxy.</summary>
        public bool HasProxies { get; set; }

        /// <summary>The pods without a proxy.</summary>
        public List<string> WithoutProxy { get; } = [];

        /// <summary>The pods whose connections do not pass their proxy.</summary>
        public List<string> Passing { get; } = [];

        /// <summary>The pods that are another's, and whose.</summary>
        public List<(Entry Holder, string Pod)> Lost { get; } = [];
    }
}
