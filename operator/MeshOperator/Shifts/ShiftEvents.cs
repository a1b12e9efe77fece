using MeshOperator.Api.Policies;
using MeshOperator.Conditions;
using MeshOperator.Mesh.Shifts;

namespace MeshOperator.Shifts;

/// <summary>Finds the Event that a transition of a gradual shift is worth. Pure.</summary>
internal static class ShiftEvents
{
    /// <summary>The event; null when nothing has happened that one should know of.</summary>
    public static ConditionEvent? Find(SplitShift shift, ShiftState? before, ShiftState after)
    {
        if (before is not null && before.Phase == after.Phase && before.Weight == after.Weight)
            return null;
        var isWarning = after.Phase is ShiftPhase.Held or ShiftPhase.RolledBack;
        return new ConditionEvent(isWarning, $"Shift{after.Phase}", $"{shift.Describe(after.Weight)}: {after.Reason}");
    }
}
