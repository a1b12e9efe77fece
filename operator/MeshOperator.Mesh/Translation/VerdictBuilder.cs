using System.Collections.Immutable;
using System.Globalization;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Gathers what is found of each policy while the model is made.</summary>
internal sealed class VerdictBuilder
{
    private readonly Dictionary<PolicyKey, Draft> _drafts = [];

    public VerdictBuilder(PolicySet policies)
    {
        foreach (var kind in PolicyKinds.All)
        {
            foreach (var (name, record) in policies[kind])
                _drafts.Add(new PolicyKey(kind.Name, name.Namespace, name.Name), new Draft(record.Uid, record.Generation) { Refusal = record.Refusal, IsUsable = record.HasSpec });
        }
    }

    /// <summary>Another policy has what this one wants. It may still hold for a target that was found.</summary>
    public void Conflict(PolicyKey key, string message) => _drafts[key].Conflict ??= message;

    public void TargetNotFound(PolicyKey key, string message) => _drafts[key].MissingTargets.Add(message);

    public void TargetFound(PolicyKey key) => _drafts[key].FoundTarget = true;

    public void Unresolved(PolicyKey key, string reason, string message)
    {
        var draft = _drafts[key];
        if (!draft.Unresolved.Contains((reason, message))) draft.Unresolved.Add((reason, message));
    }

    /// <summary>Others hold in place of this one, which is valid all the same.</summary>
    /// <param name="key">The policy.</param>
    /// <param name="message">Which, why, and what to do; it goes on after "overridden".</param>
    /// <param name="everywhere">Whether nothing is left of it.</param>
    public void Overridden(PolicyKey key, string message, bool everywhere)
    {
        _drafts[key].Overridden = message;
        if (everywhere) _drafts[key].Idle = new Finding(false, "Overridden", $"The policy is overridden {message}");
    }

    /// <summary>Something to know of a policy that is in effect.</summary>
    public void Note(PolicyKey key, string message) => _drafts[key].Note = $" {message}";

    /// <summary>There is no proxy that could have something of the policy.</summary>
    public void NoProxy(PolicyKey key, string message) => _drafts[key].Idle = new Finding(false, "NoProxies", message) { IsUnknown = true };

    public ImmutableDictionary<PolicyKey, PolicyVerdict> Build() => _drafts.ToImmutableDictionary(d => d.Key, d => d.Value.ToVerdict());

    private sealed class Draft(string uid, long generation)
    {
        /// <summary>Of all that is not there. Who has mended these is told the next ones.</summary>
        private const int MostTold = 10;

        public string? Refusal { get; init; }

        public string? Conflict { get; set; }

        public string? Overridden { get; set; }

        public string? Note { get; set; }

        public Finding? Idle { get; set; }

        /// <summary>Whether there is a form of it that could be in effect.</summary>
        public bool IsUsable { get; init; }

        public bool FoundTarget { get; set; }

        public List<string> MissingTargets { get; } = [];

        public List<(string Reason, string Message)> Unresolved { get; } = [];

        public PolicyVerdict ToVerdict() => new(generation, Accepted(), Resolved(), InEffect) { Uid = uid, Idle = Idle };

        private bool InEffect => IsUsable && Idle?.Reason != "Overridden" && (FoundTarget || (Conflict is null && MissingTargets.Count == 0));

        private Finding Accepted()
        {
            if (Refusal is not null)
                return new Finding(false, "Invalid", InEffect ? $"{Refusal}; the last valid form stays in effect" : Refusal);
            if (Conflict is not null) return new Finding(false, "Conflicted", FoundTarget ? $"{Conflict}; the policy holds for its other targets" : Conflict);
            if (MissingTargets.Count > 0 && !FoundTarget) return new Finding(false, "TargetNotFound", string.Join("; ", MissingTargets));
            return new Finding(true, "Accepted", Overridden is null ? $"The policy is valid.{Note}" : $"The policy is valid, but overridden {Overridden}");
        }

        private static string More(int count) => count > 0 ? string.Create(CultureInfo.InvariantCulture, $"; and {count} more") : string.Empty;

        private Finding Resolved()
        {
            var all = Unresolved.Concat(MissingTargets.Select(m => ("TargetNotFound", m))).ToArray();
            return all.Length == 0
                ? new Finding(true, "ResolvedRefs", "Everything that the policy names exists.")
                : new Finding(false, all[0].Item1, string.Join("; ", all.Take(MostTold).Select(u => u.Item2)) + More(all.Length - MostTold));
        }
    }
}

/// <summary>Orders policies by kind, namespace and name, ordinally.</summary>
internal sealed class PolicyKeyOrder : IComparer<PolicyKey>
{
    public static readonly PolicyKeyOrder Instance = new();

    public int Compare(PolicyKey x, PolicyKey y) =>
        string.CompareOrdinal(x.Kind, y.Kind) is not 0 and var kind ? kind
        : string.CompareOrdinal(x.Namespace, y.Namespace) is not 0 and var ns ? ns
        : string.CompareOrdinal(x.Name, y.Name);
}
