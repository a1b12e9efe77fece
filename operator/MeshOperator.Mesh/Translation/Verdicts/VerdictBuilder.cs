using System.Collections.Immutable;
using System.Globalization;
using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Verdicts;

namespace MeshOperator.Mesh.Translation.Verdicts;

/// <summary>Makes of what was found of each policy what its conditions report.</summary>
internal static class VerdictBuilder
{
    /// <summary>The verdict of each policy.</summary>
    /// <param name="policies">The policies.</param>
    /// <param name="findings">What all phases found of them, in their order.</param>
    public static ImmutableDictionary<PolicyKey, PolicyVerdict> Build(PolicySet policies, IEnumerable<PolicyFinding> findings)
    {
        var drafts = new Dictionary<PolicyKey, Draft>();
        foreach (var kind in PolicyKinds.All)
        {
            foreach (var (name, record) in policies[kind])
                drafts.Add(new PolicyKey(kind.Name, name.Namespace, name.Name), new Draft(record));
        }

        foreach (var finding in findings)
            drafts[finding.Policy].Add(finding);
        return drafts.ToImmutableDictionary(draft => draft.Key, draft => draft.Value.ToVerdict());
    }

    private sealed class Draft(PolicyRecord policy)
    {
        /// <summary>How many missing references are listed. Who has mended these learns of the next ones.</summary>
        private const int MostListed = 10;

        private readonly List<string> _missingTargets = [];
        private readonly List<(string Reason, string Message)> _unresolved = [];
        private bool _foundTarget;
        private string? _conflict;
        private Overridden? _overridden;
        private string? _withoutProxies;
        private string? _note;

        private bool IsOverriddenEverywhere => _overridden is { Everywhere: true };

        private bool InEffect =>
            policy.HasSpec && !IsOverriddenEverywhere && (_foundTarget || (_conflict is null && _missingTargets.Count == 0));

        public void Add(PolicyFinding finding)
        {
            switch (finding)
            {
                case TargetFound:
                    _foundTarget = true;
                    break;
                case TargetMissing missing:
                    _missingTargets.Add(missing.Message);
                    break;
                case Conflicted conflict:
                    _conflict ??= conflict.Message;
                    break;
                case Unresolved unresolved when !_unresolved.Contains((unresolved.Reason, unresolved.Message)):
                    _unresolved.Add((unresolved.Reason, unresolved.Message));
                    break;
                case Overridden overridden:
                    _overridden = overridden;
                    break;
                case WithoutProxies without:
                    _withoutProxies = without.Message;
                    break;
                case Noted noted:
                    _note = $" {noted.Message}";
                    break;
            }
        }

        public PolicyVerdict ToVerdict() =>
            new(policy.Generation, Accepted(), Resolved(), InEffect) { Uid = policy.Uid, NoEffect = FindNoEffect() };

        private Finding? FindNoEffect()
        {
            if (IsOverriddenEverywhere)
                return new Finding(false, ConditionReasons.Overridden, $"The policy is overridden {_overridden!.Message}");
            return _withoutProxies is null ? null : new Finding(false, ConditionReasons.NoProxies, _withoutProxies) { IsUnknown = true };
        }

        private Finding Accepted()
        {
            if (policy.Refusal is { } refusal)
                return new Finding(
                    false,
                    ConditionReasons.Invalid,
                    InEffect ? $"{refusal}; the last valid version stays in effect" : refusal
                );
            if (_conflict is not null)
                return new Finding(
                    false,
                    ConditionReasons.Conflicted,
                    _foundTarget ? $"{_conflict}; the policy still applies to its other targets" : _conflict
                );
            if (_missingTargets.Count > 0 && !_foundTarget)
                return new Finding(false, ConditionReasons.TargetNotFound, string.Join("; ", _missingTargets));
            return new Finding(
                true,
                ConditionReasons.Accepted,
                _overridden is null ? $"The policy is valid.{_note}" : $"The policy is valid, but overridden {_overridden.Message}"
            );
        }

        private Finding Resolved()
        {
            var all = _unresolved
                .Concat(_missingTargets.Select(missing => (Reason: ConditionReasons.TargetNotFound, Message: missing)))
                .ToArray();
            return all.Length == 0
                ? new Finding(true, ConditionReasons.ResolvedRefs, "All references are resolved.")
                : new Finding(
                    false,
                    all[0].Reason,
                    string.Join("; ", all.Take(MostListed).Select(one => one.Message)) + More(all.Length - MostListed)
                );
        }

        private static string More(int count) =>
            count > 0 ? string.Create(CultureInfo.InvariantCulture, $"; and {count} more") : string.Empty;
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
