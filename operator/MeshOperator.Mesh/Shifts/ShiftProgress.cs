using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Shifts;

/// <summary>How far a gradual shift is, as far as traffic depends on it.</summary>
/// <param name="Rule">The name of the rule; <see cref="OfBackends"/> for that of the whole split.</param>
/// <param name="Identity">What it is about.</param>
/// <param name="Weight">The target's share, 0 to 100 percent.</param>
/// <param name="IsOver">Whether nothing is judged any more.</param>
public sealed record ShiftProgress(string Rule, ShiftIdentity Identity, int Weight, bool IsOver)
{
    /// <summary>Whether copies of requests go to the target.</summary>
    public bool IsMirroring { get; init; }

    /// <summary>What stands for a rule's name where a split has no rules.</summary>
    public const string OfBackends = "backends";

    /// <summary>What was written down of a split's shifts.</summary>
    public static ValueList<ShiftProgress> Read(TrafficSplit split)
    {
        ArgumentNullException.ThrowIfNull(split);
        return (split.Status?.Shifts ?? [])
            .Select(shift => new ShiftProgress(
                shift.Rule,
                ShiftIdentity.From(shift),
                Math.Clamp(shift.Weight, 0, 100),
                shift.Phase is ShiftPhase.RolledBack or ShiftPhase.Completed
            )
            {
                IsMirroring = shift.Phase is ShiftPhase.Mirroring,
            })
            .ToValueList();
    }
}
