using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>Finds the MtlsPolicy of each pod: one with a selector before the namespace's before the mesh's, the oldest of a kind.</summary>
internal sealed class MtlsPolicyIndex
{
    private readonly SelectorIndex<Candidate> _bySelector;
    private readonly Dictionary<string, Candidate> _byNamespace;
    private readonly Candidate? _mesh;

    private MtlsPolicyIndex(
        IReadOnlyList<Candidate> all,
        SelectorIndex<Candidate> bySelector,
        Dictionary<string, Candidate> byNamespace,
        string operatorNamespace
    )
    {
        All = all;
        _bySelector = bySelector;
        _byNamespace = byNamespace;
        _mesh = byNamespace.GetValueOrDefault(operatorNamespace);
    }

    /// <summary>All policies that have a valid spec, the oldest first.</summary>
    public IReadOnlyList<Candidate> All { get; }

    public static Found<MtlsPolicyIndex> Create(ClusterSnapshot snapshot, PodSelections selections)
    {
        var all = new List<Candidate>();
        var bySelector = new SelectorIndex<Candidate>();
        var byNamespace = new Dictionary<string, Candidate>();
        var findings = new List<PolicyFinding>();
        foreach (var (key, _, spec) in snapshot.Policies.GetActive(PolicyKinds.MtlsPolicy))
        {
            var candidate = new Candidate(key, spec, new AccessRules(spec, key.Namespace, snapshot.TrustDomain));
            all.Add(candidate);
            if (spec.Selector is { } selector)
                findings.AddRange(bySelector.Add(key, selector, candidate));
            else if (!byNamespace.TryAdd(key.Namespace, candidate))
                findings.Add(
                    new Conflicted(
                        key,
                        $"{byNamespace[key.Namespace].Key} is older and also applies to the whole namespace; delete one of them or "
                            + "give one a selector"
                    )
                );
        }

        findings.AddRange(bySelector.FindSelected(snapshot, selections));
        return new Found<MtlsPolicyIndex>(new MtlsPolicyIndex(all, bySelector, byNamespace, snapshot.OperatorNamespace), findings);
    }

    /// <summary>The policy that holds for a pod, or null.</summary>
    public Candidate? Find(string ns, PodRecord pod) => _bySelector.Find(ns, pod) ?? _byNamespace.GetValueOrDefault(ns) ?? _mesh;

    internal sealed record Candidate(PolicyKey Key, MtlsPolicySpec Spec, AccessRules Access)
    {
        public MtlsMode DefaultMode { get; } = ToMode(Spec.Mode);

        public MtlsMode GetMode(int port) =>
            Spec.PortModes.TryGetValue(port.ToString(System.Globalization.CultureInfo.InvariantCulture), out var mode)
                ? ToMode(mode)
                : DefaultMode;

        /// <summary>Whether it disables mutual TLS for some port.</summary>
        public bool CanDisable => DefaultMode is MtlsMode.Disabled || Spec.PortModes.ContainsValue(MtlsPolicyMode.Disabled);

        public TlsBounds Tls { get; } = new(Spec.Tls?.MinVersion == "1.3", MtlsPolicyDefaults.ResolveCipherSuites(Spec).ToValueList());

        /// <summary>The ports of which the policy says something of their own.</summary>
        public IEnumerable<int> Ports =>
            Spec.PortModes.Keys.Select(p => int.Parse(p, System.Globalization.CultureInfo.InvariantCulture)).Concat(Access.Ports);

        private static MtlsMode ToMode(MtlsPolicyMode mode) =>
            mode switch
            {
                MtlsPolicyMode.Strict => MtlsMode.Strict,
                MtlsPolicyMode.Disabled => MtlsMode.Disabled,
                _ => MtlsMode.Permissive,
            };
    }
}
