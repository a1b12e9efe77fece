using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Settings;

namespace MeshOperator.Shifts;

/// <summary>Bounds how many gradual shifts of a namespace are in progress at once. Not thread-safe.</summary>
internal sealed class ShiftLimit(OperatorOptions options, TimeProvider time)
{
    private const int MostNamed = 3;

    /// <summary>One that has begun counts for so long at least, as its status may be read a moment later.</summary>
    private static readonly TimeSpan ReadWithin = TimeSpan.FromSeconds(10);

    private readonly Dictionary<(ObjectName Split, string Rule), DateTimeOffset> _begun = [];
    private HashSet<(ObjectName Split, string Rule)> _inProgress = [];

    /// <summary>Takes all splits with shifts as they are known now, and puts them into the order in which they may begin: first those that
    /// wait longest.</summary>
    public IReadOnlyList<TrafficSplit> Order(IEnumerable<TrafficSplit> splits)
    {
        IReadOnlyList<TrafficSplit> ordered =
        [
            .. splits
                .OrderBy(split => split.Status?.Shifts?.Min(shift => shift.Since) ?? DateTime.MaxValue)
                .ThenBy(split => split.Metadata.Name, StringComparer.Ordinal),
        ];
        _inProgress =
        [
            .. ordered.SelectMany(split =>
                (split.Status?.Shifts ?? []).Where(shift => IsInProgress(shift.Phase)).Select(shift => (Name(split), shift.Rule))
            ),
        ];
        var now = time.GetUtcNow();
        foreach (var known in _begun.Where(begun => _inProgress.Contains(begun.Key) || now - begun.Value > ReadWithin).ToList())
            _begun.Remove(known.Key);
        return ordered;
    }

    /// <summary>Why a shift may not begin now; null when it may, or has begun.</summary>
    public string? FindBlock(ObjectName split, ShiftState? before)
    {
        if (before is null || before.Phase is not ShiftPhase.Pending)
            return null;
        List<string> others =
        [
            .. _inProgress
                .Concat(_begun.Keys)
                .Where(shift => shift.Split.Namespace == split.Namespace && shift != (split, before.Rule))
                .Select(shift => shift.Rule == ShiftProgress.OfBackends ? shift.Split.Name : $"{shift.Split.Name}/{shift.Rule}")
                .Distinct()
                .Order(StringComparer.Ordinal),
        ];
        if (others.Count < options.MaxShiftsPerNamespace)
            return null;
        var more = others.Count > MostNamed ? FormattableString.Invariant($" and {others.Count - MostNamed} more") : string.Empty;
        var whom = string.Join(", ", others.Take(MostNamed)) + more;
        return FormattableString.Invariant(
            $"at most {options.MaxShiftsPerNamespace} of a namespace's shifts are in progress at once; waiting for one of {whom}"
        );
    }

    /// <summary>Counts a shift that begins.</summary>
    public void Note(ObjectName split, ShiftState? before, ShiftState after)
    {
        if (before is null or { Phase: ShiftPhase.Pending } && IsInProgress(after.Phase))
            _begun[(split, after.Rule)] = time.GetUtcNow();
    }

    private static bool IsInProgress(ShiftPhase phase) =>
        phase is not (ShiftPhase.Pending or ShiftPhase.RolledBack or ShiftPhase.Completed);

    private static ObjectName Name(TrafficSplit split) => new(split.Metadata.NamespaceProperty, split.Metadata.Name);
}
