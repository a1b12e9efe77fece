using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Verdicts;

namespace MeshOperator.Mesh.Translation.Quarantining;

/// <summary>Keeps objects that make a translation fail out of it, until they change: the version of each that was translated last stays
/// in its place. Not thread-safe.</summary>
/// <param name="works">Whether a snapshot can be translated; it must change nothing.</param>
public sealed class Quarantine(Func<ClusterSnapshot, bool> works)
{
    private const int Most = 16;

    private readonly Dictionary<Suspect, object> _held = [];

    /// <summary>What is kept out now.</summary>
    public IReadOnlyCollection<Suspect> Held => _held.Keys;

    /// <summary>A snapshot without what is kept out.</summary>
    /// <param name="snapshot">The cluster as it is.</param>
    /// <param name="good">The last snapshot that was translated, whose versions stay; null when there was none.</param>
    public ClusterSnapshot Apply(ClusterSnapshot snapshot, ClusterSnapshot? good)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        foreach (
            var changed in _held.Where(held => !ReferenceEquals(held.Key.Find(snapshot), held.Value)).Select(held => held.Key).ToList()
        )
            _held.Remove(changed);
        return _held.Keys.Aggregate(snapshot, (rest, held) => Replace(rest, held, good));
    }

    /// <summary>Looks for what makes a translation fail, and keeps it out.</summary>
    /// <returns>Whether <see cref="Apply"/> now gives a snapshot that can be translated. It is never without a MtlsPolicy of which no
    /// version is known: what it protects would be open.</returns>
    public bool Search(ClusterSnapshot snapshot, ClusterSnapshot? good)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        if (new CulpritSearch(works, Most).Find(snapshot) is not { } culprits)
            return false;
        if (
            culprits.Any(culprit =>
                culprit.Policy == PolicyKinds.MtlsPolicy && good?.Policies[culprit.Policy].ContainsKey(culprit.Name) != true
            )
        )
            return false;
        foreach (var culprit in culprits)
            _held[culprit] = culprit.Find(snapshot)!;
        return works(Apply(snapshot, good));
    }

    /// <summary>The verdicts, and one on each policy that is kept out.</summary>
    public TranslationResult Judge(TranslationResult result, ClusterSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(result);
        ArgumentNullException.ThrowIfNull(snapshot);
        var verdicts = result.Verdicts;
        foreach (var held in _held.Keys.Where(held => held.Policy is not null))
        {
            var record = snapshot.Policies[held.Policy!][held.Name];
            var key = new PolicyKey(held.Kind, held.Name.Namespace, held.Name.Name);
            var inEffect = verdicts.TryGetValue(key, out var before) && before.InEffect;
            verdicts = verdicts.SetItem(key, Describe(record, inEffect));
        }

        return result with
        {
            Verdicts = verdicts,
        };
    }

    private static ClusterSnapshot Replace(ClusterSnapshot snapshot, Suspect held, ClusterSnapshot? good)
    {
        var rest = held.RemoveFrom(snapshot);
        // Of a policy another object may have had the name.
        return good is not null && held.Find(good) is { } version && IsSameObject(held.Find(snapshot), version)
            ? held.Copy(good, rest)
            : rest;
    }

    private static bool IsSameObject(object? present, object version) =>
        present is not PolicyRecord policy || (version is PolicyRecord before && before.Uid == policy.Uid);

    private static PolicyVerdict Describe(PolicyRecord record, bool inEffect)
    {
        var stays = inEffect ? "the version before stays in effect" : "it has no effect";
        return new PolicyVerdict(
            record.Generation,
            new Finding(
                false,
                ConditionReasons.TranslationFailed,
                $"The operator failed on this policy, so {stays}; the other policies are not concerned. Report it with the operator's log."
            ),
            new Finding(true, ConditionReasons.ResolvedRefs, "It was not examined."),
            inEffect
        )
        {
            Uid = record.Uid,
        };
    }
}
