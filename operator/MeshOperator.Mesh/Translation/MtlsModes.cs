using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Finds the MtlsPolicy of each pod: one with a selector before the namespace's before the mesh's, the oldest of a kind.</summary>
internal sealed class MtlsModes
{
    private readonly SelectorIndex<Candidate> _bySelector;
    private readonly Dictionary<string, Candidate> _byNamespace = [];
    private readonly Candidate? _mesh;

    public MtlsModes(ClusterSnapshot snapshot, VerdictBuilder verdicts)
    {
        _bySelector = new SelectorIndex<Candidate>(verdicts);
        var all = new List<Candidate>();
        foreach (var (key, _, spec) in snapshot.Policies.GetActive(PolicyKinds.MtlsPolicy))
        {
            var candidate = new Candidate(key, spec, new AccessRules(spec, key.Namespace, snapshot.TrustDomain));
            all.Add(candidate);
            if (spec.Selector is { } selector)
            {
                _bySelector.Add(key, selector, candidate);
            }
            else if (!_byNamespace.TryAdd(key.Namespace, candidate))
            {
                verdicts.Conflict(key, $"{_byNamespace[key.Namespace].Key} is older and also holds for the whole namespace; delete one of them or give one a selector");
            }
        }

        All = all;
        _bySelector.NotePods(snapshot);
        _mesh = _byNamespace.GetValueOrDefault(snapshot.OperatorNamespace);
    }

    /// <summary>All policies that have a valid form, the oldest first.</summary>
    public IReadOnlyList<Candidate> All { get; }

    /// <summary>The policy that holds for a pod, or null.</summary>
    public Candidate? Of(string ns, PodRecord pod) => _bySelector.Find(ns, pod) ?? _byNamespace.GetValueOrDefault(ns) ?? _mesh;

    internal sealed record Candidate(PolicyKey Key, MtlsPolicySpec Spec, AccessRules Access)
    {
        public MtlsMode DefaultMode { get; } = ToMode(Spec.Mode);

        public MtlsMode ModeOf(int port) =>
            Spec.PortModes is { } modes && modes.TryGetValue(port.ToString(System.Globalization.CultureInfo.InvariantCulture), out var mode) ? ToMode(mode) : DefaultMode;

        /// <summary>Whether it disables mutual TLS for some port.</summary>
        public bool CanDisable => DefaultMode is MtlsMode.Disabled || Spec.PortModes?.ContainsValue(MtlsPolicyMode.Disabled) == true;

        public TlsBounds Tls { get; } = new(Spec.Tls?.MinVersion == "1.3", (Spec.Tls?.CipherSuites ?? []).ToValueList());

        /// <summary>The ports of which the policy says something of their own.</summary>
        public IEnumerable<int> Ports =>
            (Spec.PortModes?.Keys.Select(p => int.Parse(p, System.Globalization.CultureInfo.InvariantCulture)) ?? []).Concat(Access.Ports);

        private static MtlsMode ToMode(MtlsPolicyMode mode) => mode switch
        {
            MtlsPolicyMode.Strict => MtlsMode.Strict,
            MtlsPolicyMode.Disabled => MtlsMode.Disabled,
            _ => MtlsMode.Permissive,
        };
    }
}
