using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>The pods that selectors select, remembered from one snapshot to the next: all pods are looked at for a new selector only, and
/// afterwards those that were replaced.</summary>
internal sealed class PodSelections
{
    private readonly Dictionary<(string Namespace, string Labels), Selection> _selections = [];
    private ClusterSnapshot _snapshot = ClusterSnapshot.Empty;

    /// <summary>The pods of a namespace that a selector selects.</summary>
    public IReadOnlyCollection<ObjectName> Find(string ns, PodLabelSelector selector)
    {
        var key = (ns, selector.ToText());
        if (!_selections.TryGetValue(key, out var selection))
        {
            selection = new Selection(
                selector,
                _snapshot.Pods.Where(pod => Selects(ns, selector, pod.Key, pod.Value)).Select(pod => pod.Key)
            );
            _selections.Add(key, selection);
        }

        selection.IsUsed = true;
        return selection.Pods;
    }

    /// <summary>Goes on to the next snapshot, and forgets the selectors that nobody has asked for since the last one.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="replaced">The pods that were added, replaced or removed.</param>
    public void Update(ClusterSnapshot snapshot, IReadOnlyCollection<ObjectName> replaced)
    {
        _snapshot = snapshot;
        foreach (var (key, selection) in _selections.ToList())
        {
            if (!selection.IsUsed)
                _selections.Remove(key);
            selection.IsUsed = false;
            foreach (var name in replaced)
            {
                if (snapshot.Pods.TryGetValue(name, out var pod) && Selects(key.Namespace, selection.Selector, name, pod))
                    selection.Pods.Add(name);
                else
                    selection.Pods.Remove(name);
            }
        }
    }

    private static bool Selects(string ns, PodLabelSelector selector, ObjectName name, PodRecord pod) =>
        name.Namespace == ns && selector.Selects(pod);

    private sealed class Selection(PodLabelSelector selector, IEnumerable<ObjectName> pods)
    {
        public PodLabelSelector Selector { get; } = selector;

        public HashSet<ObjectName> Pods { get; } = [.. pods];

        public bool IsUsed { get; set; }
    }
}
