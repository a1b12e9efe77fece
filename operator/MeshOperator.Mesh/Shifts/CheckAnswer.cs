namespace MeshOperator.Mesh.Shifts;

/// <summary>What somebody outside of the mesh answered to a check.</summary>
/// <param name="Outcome">Inconclusive where nothing was answered, or nothing that can be compared.</param>
/// <param name="Text">The answer, or why there is none, for people.</param>
public sealed record CheckAnswer(ShiftOutcome Outcome, string Text);

/// <summary>The answers to a check in the present step. Immutable.</summary>
/// <param name="Latest">The last one; null when there is none yet.</param>
/// <param name="FailedInRow">How many of them failed since one passed. No answer is neither.</param>
public sealed record CheckAnswers(CheckAnswer? Latest, int FailedInRow)
{
    /// <summary>None yet.</summary>
    public static CheckAnswers None { get; } = new(null, 0);

    /// <summary>With one more.</summary>
    public CheckAnswers Add(CheckAnswer answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        var failed = answer.Outcome switch
        {
            ShiftOutcome.Fail => FailedInRow + 1,
            ShiftOutcome.Pass => 0,
            _ => FailedInRow,
        };
        return new CheckAnswers(answer, failed);
    }

    /// <summary>Whether so many failed in a row that the check has failed.</summary>
    /// <param name="threshold">How many have to.</param>
    public bool HaveFailed(int threshold) => Latest is { Outcome: ShiftOutcome.Fail } && FailedInRow >= threshold;

    /// <summary>What follows from them. One failed answer does not fail the check.</summary>
    /// <param name="name">The kind of the check.</param>
    /// <param name="threshold">How many in a row do.</param>
    public ShiftVerdict Judge(string name, int threshold)
    {
        if (Latest is not { } latest)
            return new ShiftVerdict(ShiftOutcome.Inconclusive, $"{name}: not asked yet");
        if (latest.Outcome is not ShiftOutcome.Fail)
            return new ShiftVerdict(latest.Outcome, $"{name}: {latest.Text}");
        return HaveFailed(threshold)
            ? new ShiftVerdict(ShiftOutcome.Fail, FormattableString.Invariant($"{name}: {latest.Text}, {FailedInRow} times in a row"))
            : new ShiftVerdict(
                ShiftOutcome.Inconclusive,
                FormattableString.Invariant($"{name}: {latest.Text}, {FailedInRow} of {threshold} failed answers in a row")
            );
    }
}
