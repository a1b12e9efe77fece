using MeshOperator.Api.V1Alpha1;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Finds the MtlsPolicy of each pod: one with a selector before the namespace's before the mesh's, the oldest of a kind.</summary>
internal sealed class MtlsModes
{
    public const string Kind = nameof(MtlsPolicy);
    private readonly Dictionary<string, List<Candidate>> _bySelector = [];
    private readonly Dictionary<string, Candidate> _byNamespace = [];
    private readonly Candidate? _mesh;

    public MtlsModes(ClusterSnapshot snapshot, VerdictBuilder verdicts)
    {
        foreach (var (name, record) in snapshot.MtlsPolicies.OldestFirst())
        {
            var key = new PolicyKey(Kind, name.Namespace, name.Name);
            verdicts.Begin(key, record.Generation, record.Refusal, record.Spec is not null);
            if (record.Spec is not { } spec) continue;
            var candidate = new Candidate(key, spec, new AccessRules(spec, name.Namespace, snapshot.TrustDomain));
            if (spec.Selector is not null)
            {
                if (!_bySelector.TryGetValue(name.Namespace, out var list)) _bySelector[name.Namespace] = list = [];
                if (list.Find(other => AreEqual(other.Spec.Selector!, spec.Selector)) is { } older)
                    verdicts.Conflict(key, $"{older.Key} is older and has the same selector; delete one of them or select other pods");
                else list.Add(candidate);
            }
            else if (!_byNamespace.TryAdd(name.Namespace, candidate))
            {
                verdicts.Conflict(key, $"{_byNamespace[name.Namespace].Key} is older and also holds for the whole namespace; delete one of them or give one a selector");
            }
        }

        _mesh = _byNamespace.GetValueOrDefault(snapshot.OperatorNamespace);
    }

    /// <summary>The policy that holds for a pod, or null.</summary>
    public Candidate? Of(string ns, PodRecord pod)
    {
        if (_bySelector.TryGetValue(ns, out var candidates))
        {
            foreach (var candidate in candidates)
            {
                if (candidate.Spec.Selector!.MatchLabels.All(label => pod.Labels.Contains(label))) return candidate;
            }
        }

        return _byNamespace.GetValueOrDefault(ns) ?? _mesh;
    }

    private static bool AreEqual(PodLabelSelector a, PodLabelSelector b) =>
        a.MatchLabels.Count == b.MatchLabels.Count && a.MatchLabels.All(label => b.MatchLabels.Contains(label));

    internal sealed record Candidate(PolicyKey Key, MtlsPolicySpec Spec, AccessRules Access)
    {
        public MtlsMode DefaultMode { get; } = ToMode(Spec.Mode ?? MtlsPolicyMode.Strict);

        public MtlsMode ModeOf(int port) =>
            Spec.PortModes is { } modes && modes.TryGetValue(port.ToString(System.Globalization.CultureInfo.InvariantCulture), out var mode) ? ToMode(mode) : DefaultMode;

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
