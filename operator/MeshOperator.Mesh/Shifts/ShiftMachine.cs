using System.Globalization;
using MeshOperator.Api;
using MeshOperator.Api.Policies;

namespace MeshOperator.Mesh.Shifts;

/// <summary>Decides where a gradual shift goes next. Pure: the same state, observation and time lead to the same state.</summary>
public static class ShiftMachine
{
    /// <summary>The state that follows.</summary>
    /// <param name="shift">What is wished.</param>
    /// <param name="before">Where it was; null when it has not begun or that was lost. One with another identity counts as lost.</param>
    /// <param name="seen">What is known.</param>
    /// <param name="now">The time.</param>
    public static ShiftState Advance(SplitShift shift, ShiftState? before, ShiftObservation seen, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(shift);
        ArgumentNullException.ThrowIfNull(seen);
        if (before is null || before.Rule != shift.Rule || !before.Identity.Equals(shift.Identity))
            return Begin(shift, seen.Command, now);
        var turn = new Turn(shift, before, seen, now);
        return turn.Obey() ?? turn.Proceed();
    }

    /// <summary>A shift always begins at 0 percent. What was said to another one is not for this one.</summary>
    private static ShiftState Begin(SplitShift shift, ShiftCommand? said, DateTimeOffset now) =>
        new(shift.Rule, shift.Identity, ShiftPhase.Pending, 0, now)
        {
            Reason = "the first step has not begun",
            Command = said?.Text ?? string.Empty,
        };

    private sealed class Turn(SplitShift shift, ShiftState before, ShiftObservation seen, DateTimeOffset now)
    {
        private readonly GradualShift _wanted = shift.Wanted;

        private bool IsMirroring => before.Phase is ShiftPhase.Mirroring;

        private string Hold => IsMirroring ? _wanted.MirrorFirst?.Hold ?? "0s" : Current?.Hold ?? GradualShiftDefaults.Hold;

        private ShiftStep? Current => _wanted.Steps.LastOrDefault(step => step.Weight <= before.Weight);

        private ShiftStep? Next => _wanted.Steps.FirstOrDefault(step => step.Weight > before.Weight);

        private int CurrentNumber => _wanted.Steps.Count(step => step.Weight <= before.Weight);

        /// <summary>What follows from a command that was not carried out yet; null when there is none, or it must wait.</summary>
        public ShiftState? Obey()
        {
            if (seen.Command is not { } command || command.Text == before.Command || !command.IsFor(shift))
                return null;
            if (command.Verb is not { } verb)
                return Refuse($"'{command.Text}' is no command; write {ShiftCommand.Form}");
            if (command.Step is { } step && step != CurrentNumber)
                return Refuse(Text($"'{command.Text}' is for step {step}, but the shift is at step {CurrentNumber}"));
            var after = verb switch
            {
                ShiftVerb.Restart => Begin(shift, command, now),
                ShiftVerb.Abort when before.Phase is not ShiftPhase.RolledBack => Move(ShiftPhase.RolledBack, 0, "aborted by a person"),
                ShiftVerb.Promote when !before.IsOver => Move(ShiftPhase.Completed, 100, "promoted by a person"),
                ShiftVerb.Pause when !before.IsOver => Stay(ShiftPhase.Paused, "paused by a person"),
                ShiftVerb.Resume when before.Phase is ShiftPhase.Paused or ShiftPhase.Held => Stay(
                    before.Weight == 0 ? ShiftPhase.Pending : ShiftPhase.Progressing,
                    "resumed by a person"
                ),
                ShiftVerb.Approve when before.Phase is ShiftPhase.AwaitingApproval => Approve(),
                _ => Refuse($"'{command.Text}' changes nothing: the shift is {before.Phase}"),
            };
            return after is null ? null : after with { Command = command.Text };
        }

        /// <summary>What follows from proxies, checks and time.</summary>
        public ShiftState Proceed()
        {
            if (before.IsOver)
                return before.AcknowledgedAt is null && seen.IsProgrammed ? before with { AcknowledgedAt = now } : before;
            if (before.Phase is ShiftPhase.Paused or ShiftPhase.Held)
                return before;
            if (_wanted.Suspend == true)
                return before with { NextStepAt = null, Reason = "suspended by the spec" };
            if (seen.Standstill is { } standstill)
                return before with { NextStepAt = null, Reason = standstill };
            if (before.Phase is ShiftPhase.Pending)
                return Step();
            if (seen.Rejection is { } rejection)
                return Stay(ShiftPhase.Held, rejection);
            if (before.AcknowledgedAt is null && !seen.IsProgrammed)
                return before with { NextStepAt = null, Reason = seen.Progress };
            return Judge();
        }

        private ShiftState Judge()
        {
            var acknowledged = before.AcknowledgedAt ?? now;
            var holdsUntil = acknowledged + MeshDuration.Parse(Hold);
            var judged = before with { AcknowledgedAt = acknowledged, NextStepAt = holdsUntil, Reason = seen.Verdict.Reason };
            if (seen.TargetProblem is { } problem)
                return Fail(judged, problem);
            if (seen.Verdict.Outcome is ShiftOutcome.Fail)
                return Fail(judged, seen.Verdict.Reason);
            if (before.Phase is ShiftPhase.AwaitingApproval)
                return judged with { NextStepAt = null };
            if (now < holdsUntil)
                return judged;
            if (seen.Verdict.Outcome is ShiftOutcome.Inconclusive)
            {
                var timeout = GradualShiftDefaults.ResolveRequirement(_wanted).Timeout;
                return now < holdsUntil + MeshDuration.Parse(timeout)
                    ? judged with
                    {
                        NextStepAt = null,
                    }
                    : Fail(judged, $"inconclusive for {timeout} beyond the hold: {seen.Verdict.Reason}");
            }

            return Current?.Approval is ShiftApproval.Required
                ? judged with
                {
                    Phase = ShiftPhase.AwaitingApproval,
                    Since = now,
                    NextStepAt = null,
                }
                : Step(judged);
        }

        /// <summary>An approval waits with the step itself.</summary>
        private ShiftState? Approve()
        {
            var after = Step(before);
            return after.Weight == before.Weight ? null : after;
        }

        private ShiftState Step() => Step(before);

        /// <summary>Begins the next step, if it may begin.</summary>
        private ShiftState Step(ShiftState current)
        {
            if ((seen.TargetProblem ?? seen.Block ?? FindShortage(current)) is { } block)
                return current with { NextStepAt = null, Reason = Join(block, current) };
            if (_wanted.DryRun == true)
                return current with { NextStepAt = null, Reason = Join("dry run: the next step would begin now", current) };
            if (current.Phase is ShiftPhase.Pending && _wanted.MirrorFirst is not null)
                return Stay(ShiftPhase.Mirroring, "copies of requests go to the target");
            return Next is { } next
                ? Move(ShiftPhase.Progressing, next.Weight, "the step begins")
                : Move(ShiftPhase.Completed, 100, Join("all steps have passed", current));
        }

        /// <summary>Why the target is too small for the step that would begin. Copies are few.</summary>
        private string? FindShortage(ShiftState current) =>
            current.Phase is ShiftPhase.Pending && _wanted.MirrorFirst is not null
                ? null
                : seen.Endpoints.FindShortage(_wanted, Next?.Weight ?? 100);

        private ShiftState Fail(ShiftState judged, string reason)
        {
            if (_wanted.DryRun == true)
                return judged with { NextStepAt = null, Reason = $"dry run: the shift would fail now: {reason}" };
            return _wanted.OnFailure is OnShiftFailure.Rollback ? Move(ShiftPhase.RolledBack, 0, reason) : Stay(ShiftPhase.Held, reason);
        }

        private ShiftState Move(ShiftPhase phase, int weight, string reason) => Stay(phase, reason) with { Weight = weight };

        private ShiftState Stay(ShiftPhase phase, string reason) =>
            before with
            {
                Phase = phase,
                Since = now,
                AcknowledgedAt = null,
                NextStepAt = null,
                Reason = reason,
            };

        private ShiftState Refuse(string reason) => before with { Reason = reason, Command = seen.Command!.Text };

        private string Join(string reason, ShiftState current) =>
            current.Phase is ShiftPhase.Pending ? reason : $"{reason}; {seen.Verdict.Reason}";

        private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
    }
}
