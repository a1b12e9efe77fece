using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Shifts;

/// <summary>Where a gradual shift is. Immutable.</summary>
/// <param name="Rule">The rule's name; <see cref="ShiftProgress.OfBackends"/> for that of the whole split.</param>
/// <param name="Identity">What it is about.</param>
/// <param name="Phase">Where it is.</param>
/// <param name="Weight">The target's share, 0 to 100 percent.</param>
/// <param name="Since">When the phase or the step began.</param>
public sealed record ShiftState(string Rule, ShiftIdentity Identity, ShiftPhase Phase, int Weight, DateTimeOffset Since)
{
    /// <summary>When all proxies had acknowledged the step; null while they are waited for.</summary>
    public DateTimeOffset? AcknowledgedAt { get; init; }

    /// <summary>When the next step begins at the earliest; null when that is not known.</summary>
    public DateTimeOffset? NextStepAt { get; init; }

    /// <summary>Why it is there, and what it waits for.</summary>
    public string Reason { get; init; } = string.Empty;

    /// <summary>The last command that was carried out or refused; empty when there was none.</summary>
    public string Command { get; init; } = string.Empty;

    /// <summary>Whether nothing is judged any more.</summary>
    public bool IsOver => Phase is ShiftPhase.RolledBack or ShiftPhase.Completed;

    /// <summary>Whether a step has begun that is acknowledged or judged.</summary>
    public bool IsJudged => Phase is ShiftPhase.Mirroring or ShiftPhase.Progressing or ShiftPhase.AwaitingApproval;

    /// <summary>The same with another reason.</summary>
    public ShiftState With(string reason) => this with { Reason = reason };

    /// <summary>What was written down.</summary>
    public static ShiftState From(ShiftStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        return new ShiftState(
            status.Rule,
            ShiftIdentity.From(status),
            status.Phase,
            Math.Clamp(status.Weight, 0, 100),
            ToTime(status.Since) ?? DateTimeOffset.UnixEpoch
        )
        {
            AcknowledgedAt = ToTime(status.AcknowledgedAt),
            NextStepAt = ToTime(status.NextStepAt),
            Reason = status.Reason ?? string.Empty,
            Command = status.Command ?? string.Empty,
        };
    }

    /// <summary>What is written down of it.</summary>
    /// <param name="steps">The steps of the spec.</param>
    public ShiftStatus ToStatus(IReadOnlyCollection<ShiftStep> steps)
    {
        var step = steps.Count(step => step.Weight <= Weight);
        return new ShiftStatus
        {
            Rule = Rule,
            To = Identity.To,
            Revision = Optional(Identity.Revision),
            Backends = [.. Identity.Backends],
            Phase = Phase,
            Weight = Weight,
            Step = step,
            Progress = IsOver ? Phase.ToString() : FormattableString.Invariant($"{Phase} {step}/{steps.Count}"),
            Since = Since.UtcDateTime,
            AcknowledgedAt = AcknowledgedAt?.UtcDateTime,
            NextStepAt = NextStepAt?.UtcDateTime,
            Reason = Optional(Reason),
            Command = Optional(Command),
        };
    }

    private static string? Optional(string text) => text.Length == 0 ? null : text;

    private static DateTimeOffset? ToTime(DateTime? time) =>
        time is { } value ? new DateTimeOffset(DateTime.SpecifyKind(value, DateTimeKind.Utc)) : null;
}
