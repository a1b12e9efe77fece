using System.Runtime.InteropServices;
using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>Finds the policy of a kind that selects a pod: of several the oldest.</summary>
internal sealed class SelectorIndex<TCandidate>
    where TCandidate : class
{
    private readonly Dictionary<string, List<Entry>> _byNamespace = [];
    private readonly Dictionary<(string Namespace, string Labels), PolicyKey> _oldest = [];

    /// <summary>Adds a policy, the oldest first.</summary>
    /// <returns>The conflict with an older one that has the same selector, if there is one.</returns>
    public IEnumerable<PolicyFinding> Add(PolicyKey key, PodLabelSelector selector, TCandidate candidate)
    {
        if (!_oldest.TryAdd((key.Namespace, selector.ToText()), key))
        {
            var older = _oldest[(key.Namespace, selector.ToText())];
            return [new Conflicted(key, $"{older} is older and has the same selector; delete one of them or select other pods")];
        }

        if (!_byNamespace.TryGetValue(key.Namespace, out var entries))
            _byNamespace[key.Namespace] = entries = [];
        entries.Add(new Entry(key, selector, candidate));
        return [];
    }

    /// <summary>The policy that selects a pod, or null.</summary>
    public TCandidate? Find(string ns, PodRecord pod) =>
        _byNamespace.TryGetValue(ns, out var entries) ? entries.Find(entry => entry.Selector.Selects(pod))?.Candidate : null;

    /// <summary>Finds which of the pods that policies select belong to an older one, and the policies that select none with a
    /// proxy.</summary>
    public IEnumerable<PolicyFinding> FindSelected(ClusterSnapshot snapshot, PodSelections selections)
    {
        var tallies = _byNamespace.ToDictionary(entries => entries.Key, entries => entries.Value.ConvertAll(entry => new Tally(entry)));
        foreach (var (ns, ofNamespace) in tallies)
        {
            var byPod = new Dictionary<ObjectName, List<Tally>>();
            foreach (var tally in ofNamespace)
            {
                foreach (var name in selections.Find(ns, tally.Entry.Selector))
                    (CollectionsMarshal.GetValueRefOrAddDefault(byPod, name, out _) ??= []).Add(tally);
            }

            foreach (var (name, selecting) in byPod)
                Count(selecting, name.Name, snapshot.Pods[name], isOnly: ofNamespace.Count < 2);
        }

        return tallies.SelectMany(ofNamespace => ofNamespace.Value.SelectMany(tally => tally.ToFindings(ofNamespace.Key)));
    }

    /// <summary>Counts a pod for the policies that select it.</summary>
    /// <param name="tallies">Those policies, the oldest first.</param>
    /// <param name="name">The pod's name.</param>
    /// <param name="pod">The pod.</param>
    /// <param name="isOnly">Whether there is no other policy in the namespace.</param>
    private static void Count(List<Tally> tallies, string name, PodRecord pod, bool isOnly)
    {
        Tally? holder = null;
        foreach (var tally in tallies)
        {
            if (!pod.HasProxy || pod.IsDirectAltogether)
            {
                (pod.HasProxy ? tally.BypassingProxy : tally.WithoutProxy).Add(name);
                continue;
            }

            tally.HasProxies = true;
            if (isOnly)
                continue;
            if (holder is null)
                tally.HoldsSome = true;
            else
                tally.Lost.Add((holder.Entry.Key, name));
            holder ??= tally;
        }
    }

    private sealed record Entry(PolicyKey Key, PodLabelSelector Selector, TCandidate Candidate);

    /// <summary>The pods that a policy selects.</summary>
    private sealed class Tally(Entry entry)
    {
        public Entry Entry { get; } = entry;

        /// <summary>Whether it selects pods whose connections pass a proxy.</summary>
        public bool HasProxies { get; set; }

        /// <summary>Whether some of them belong to no older one.</summary>
        public bool HoldsSome { get; set; }

        public List<string> WithoutProxy { get; } = [];

        /// <summary>The pods whose connections do not pass their proxy.</summary>
        public List<string> BypassingProxy { get; } = [];

        /// <summary>The pods that belong to another one.</summary>
        public List<(PolicyKey Holder, string Pod)> Lost { get; } = [];

        public IEnumerable<PolicyFinding> ToFindings(string ns)
        {
            if (HoldsSome)
                yield return new TargetFound(Entry.Key);
            if (!HasProxies)
                yield return new WithoutProxies(Entry.Key, WhyWithoutProxies(ns));
            if (Lost.Count > 0)
                yield return new Conflicted(Entry.Key, $"{string.Join("; ", Overlaps())}; make the selectors select different pods");
        }

        private IEnumerable<string> Overlaps() =>
            Lost.GroupBy(lost => lost.Holder, lost => lost.Pod)
                .OrderBy(group => group.Key, PolicyKeyOrder.Instance)
                .Select(group => $"{group.Key} is older and also selects {Summarise([.. group])}");

        private string WhyWithoutProxies(string ns)
        {
            if (WithoutProxy.Count > 0)
            {
                return $"The policy selects {Summarise(WithoutProxy)}, but no pod that has a sidecar; label the namespace '{ns}' with "
                    + $"{MeshNames.InjectionLabel}: "
                    + $"{MeshNames.InjectionEnabled}, or the pods with {MeshNames.InjectLabel}: \"true\", and recreate the pods.";
            }

            return BypassingProxy.Count > 0
                ? $"The policy selects {Summarise(BypassingProxy)}, whose connections bypass the sidecar; remove the annotation "
                    + $"{SidecarAnnotations.Interception}, "
                    + "and recreate the pods."
                : $"The selector matches no pod of the namespace '{ns}'; use labels that the pods have.";
        }

        private static string Summarise(List<string> pods)
        {
            var first = pods.Min(StringComparer.Ordinal);
            return pods.Count == 1 ? $"the pod '{first}'" : $"{pods.Count} of its pods (for example '{first}')";
        }
    }
}
