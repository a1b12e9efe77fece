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
        var (isWarning, reason) = after.Phase switch
        {
            ShiftPhase.Pending => (false, "ShiftPending"),
            ShiftPhase.Mirroring => (false, "ShiftMirroring"),
            ShiftPhase.Progressing => (false, "ShiftProgressing"),
            ShiftPhase.AwaitingApproval => (false, "ShiftAwaitsApproval"),
            ShiftPhase.Paused => (false, "ShiftPaused"),
            ShiftPhase.Held => (true, "ShiftHeld"),
            ShiftPhase.RolledBack => (true, "ShiftRolledBack"),
            _ => (false, "ShiftCompleted"),
        };
        return new ConditionEvent(isWarning, reason, $"{shift.Describe(after.Weight)}: {after.Reason}");
    }
}
