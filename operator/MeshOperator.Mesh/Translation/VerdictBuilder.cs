using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Gathers what is found of each policy while the model is made.</summary>
internal sealed class VerdictBuilder
{
    private readonly Dictionary<PolicyKey, Draft> _drafts = [];

    public void Begin(PolicyKey key, long generation, string? refusal, bool hasSpec) =>
        _drafts[key] = new Draft(generation) { Refusal = refusal, InEffect = hasSpec };

    public void Conflict(PolicyKey key, string message)
    {
        var draft = _drafts[key];
        draft.Conflict ??= message;
        draft.InEffect = false;
    }

    public void TargetNotFound(PolicyKey key, string message) => _drafts[key].MissingTargets.Add(message);

    public void TargetFound(PolicyKey key) => _drafts[key].FoundTarget = true;

    public void Unresolved(PolicyKey key, string reason, string message)
    {
        var draft = _drafts[key];
        if (!draft.Unresolved.Contains((reason, message))) draft.Unresolved.Add((reason, message));
    }

    public ImmutableDictionary<PolicyKey, PolicyVerdict> Build() => _drafts.ToImmutableDictionary(d => d.Key, d => d.Value.ToVerdict());

    private sealed class Draft(long generation)
    {
        public string? Refusal { get; init; }

        public string? Conflict { get; set; }

        public bool InEffect { get; set; }

        public bool FoundTarget { get; set; }

        public List<string> MissingTargets { get; } = [];

        public List<(string Reason, string Message)> Unresolved { get; } = [];

        public PolicyVerdict ToVerdict() => new(generation, Accepted(), Resolved(), InEffect && (FoundTarget || MissingTargets.Count == 0));

        private Finding Accepted()
        {
            if (Refusal is not null)
                return new Finding(false, "Invalid", InEffect ? $"{Refusal}; the last valid form stays in effect" : Refusal);
            if (Conflict is not null) return new Finding(false, "Conflicted", Conflict);
            if (MissingTargets.Count > 0 && !FoundTarget) return new Finding(false, "TargetNotFound", string.Join("; ", MissingTargets));
            return new Finding(true, "Accepted", "The policy is valid.");
        }

        private Finding Resolved()
        {
            var all = Unresolved.Concat(MissingTargets.Select(m => ("TargetNotFound", m))).ToArray();
            return all.Length == 0
                ? new Finding(true, "ResolvedRefs", "Everything that the policy names exists.")
                : new Finding(false, all[0].Item1, string.Join("; ", all.Select(u => u.Item2)));
        }
    }
}

/// <summary>The order in which policies win.</summary>
internal static class PolicyOrder
{
    /// <summary>The oldest first, then by namespace and name.</summary>
    public static IEnumerable<KeyValuePair<ObjectName, PolicyRecord<TSpec>>> OldestFirst<TSpec>(
        this ImmutableDictionary<ObjectName, PolicyRecord<TSpec>> policies)
        where TSpec : class => policies.OrderBy(p => p.Value.Created).ThenBy(p => p.Key);
}
