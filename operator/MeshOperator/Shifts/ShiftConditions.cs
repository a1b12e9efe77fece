using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Conditions;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Mesh.Verdicts;

namespace MeshOperator.Shifts;

/// <summary>Makes the conditions of gradual shifts, which kstatus reads. One that lasts for days is not in progress for it, as tools that
/// wait for that give up; only a step that is on its way to proxies is. Pure.</summary>
internal static class ShiftConditions
{
    /// <summary>The types that are made here.</summary>
    private static readonly string[] Types = [ConditionTypes.Ready, ConditionTypes.Reconciling, ConditionTypes.Stalled];

    /// <summary>The conditions.</summary>
    /// <param name="shifts">All shifts of a split.</param>
    /// <param name="isInEffect">Whether the split is in effect.</param>
    /// <param name="generation">The split's generation.</param>
    /// <param name="before">The conditions that it had.</param>
    /// <param name="now">The time.</param>
    public static List<PolicyCondition> Build(
        IReadOnlyList<(SplitShift Shift, ShiftState State)> shifts,
        bool isInEffect,
        long generation,
        IReadOnlyList<PolicyCondition>? before,
        DateTimeOffset now
    )
    {
        if (shifts.Count == 0)
            return [];
        var reason = isInEffect ? FindReason(shifts) : ConditionReasons.Pending;
        var message = string.Join("; ", shifts.Select(shift => $"{shift.State.Phase}: {Describe(shift.Shift, shift.State)}"));
        var isReady = reason is ConditionReasons.ShiftCompleted or ConditionReasons.ShiftInProgress;
        List<(string, Finding)> findings = [(ConditionTypes.Ready, new Finding(isReady, reason, message))];
        if (!isReady && isInEffect)
        {
            var type = reason is ConditionReasons.StepPending ? ConditionTypes.Reconciling : ConditionTypes.Stalled;
            findings.Add((type, new Finding(true, reason, message)));
        }

        return ConditionBuilder.Build(findings, generation, before, now);
    }

    /// <summary>Whether a status has these conditions already, transition times apart.</summary>
    public static bool AreIn(PolicyStatus? status, IReadOnlyList<PolicyCondition> conditions) =>
        (status?.Conditions ?? [])
            .Where(condition => Types.Contains(condition.Type))
            .Select(condition => (condition.Type, condition.Status, condition.Message, condition.ObservedGeneration))
            .ToHashSet()
            .SetEquals(conditions.Select(condition => (condition.Type, condition.Status, condition.Message, condition.ObservedGeneration)));

    /// <summary>The shares of a shift, with the name of its rule where it has one.</summary>
    public static string Describe(SplitShift shift, ShiftState state)
    {
        var shares = shift.Describe(state.Weight);
        return shift.Rule == ShiftProgress.OfBackends ? shares : $"{shift.Rule}: {shares}";
    }

    private static string FindReason(IReadOnlyList<(SplitShift Shift, ShiftState State)> shifts)
    {
        if (shifts.Any(shift => shift.State.Phase is ShiftPhase.Held))
            return ConditionReasons.ShiftHeld;
        if (shifts.Any(shift => shift.State.Phase is ShiftPhase.RolledBack))
            return ConditionReasons.ShiftRolledBack;
        if (shifts.Any(shift => shift.State.AcknowledgedAt is null && (shift.State.IsJudged || shift.State.Phase is ShiftPhase.Completed)))
            return ConditionReasons.StepPending;
        return shifts.All(shift => shift.State.Phase is ShiftPhase.Completed)
            ? ConditionReasons.ShiftCompleted
            : ConditionReasons.ShiftInProgress;
    }
}
