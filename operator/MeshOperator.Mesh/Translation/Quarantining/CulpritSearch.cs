using System.Collections.Immutable;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation.Quarantining;

/// <summary>Finds the objects that make a translation fail, by leaving objects out. Of n objects it takes some 2 log n trials for each
/// that is found.</summary>
/// <param name="works">Whether a snapshot can be translated; it must change nothing.</param>
/// <param name="most">How many are found at most.</param>
public sealed class CulpritSearch(Func<ClusterSnapshot, bool> works, int most)
{
    private readonly List<Suspect> _found = [];

    /// <summary>The objects without which a snapshot can be translated; null when there are too many, or the fault is in none.</summary>
    public IReadOnlyList<Suspect>? Find(ClusterSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        _found.Clear();
        Suspect[] all = [.. Suspect.FindAll(snapshot)];
        var bare = snapshot with
        {
            Services = ImmutableDictionary<ObjectName, ServiceRecord>.Empty,
            EndpointSlices = ImmutableDictionary<ObjectName, EndpointSliceRecord>.Empty,
            Pods = ImmutableDictionary<ObjectName, PodRecord>.Empty,
            Policies = PolicySet.Empty,
        };
        if (!works(bare))
            return null;
        Clean(snapshot, bare, all);
        return _found.Count is > 0 && _found.Count <= most ? [.. _found] : null;
    }

    /// <summary>Adds to a snapshot that can be translated those objects with which it still can.</summary>
    private ClusterSnapshot Clean(ClusterSnapshot whole, ClusterSnapshot good, ReadOnlySpan<Suspect> suspects)
    {
        if (_found.Count > most)
            return good;
        var trial = good;
        foreach (var suspect in suspects)
            trial = suspect.Copy(whole, trial);
        if (works(trial))
            return trial;
        if (suspects.Length == 1)
        {
            _found.Add(suspects[0]);
            return good;
        }

        var half = suspects.Length / 2;
        return Clean(whole, Clean(whole, good, suspects[..half]), suspects[half..]);
    }
}
