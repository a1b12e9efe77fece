namespace MeshOperator.Mesh.Shifts;

/// <summary>What is known of a gradual shift at one moment.</summary>
public sealed record ShiftObservation
{
    /// <summary>Whether all proxies that are waited for have acknowledged the weight of the state.</summary>
    public required bool IsProgrammed { get; init; }

    /// <summary>Who is waited for, for people.</summary>
    public string Progress { get; init; } = string.Empty;

    /// <summary>The proxy that rejects it, and why; null when none does.</summary>
    public string? Rejection { get; init; }

    /// <summary>What the checks say.</summary>
    public ShiftVerdict Verdict { get; init; } = ShiftVerdict.NoChecks;

    /// <summary>Why nothing of the shift is judged or moved now, such as that the split is not in effect; null when it is.</summary>
    public string? Standstill { get; init; }

    /// <summary>Why the target cannot take traffic; null when it can.</summary>
    public string? TargetProblem { get; init; }

    /// <summary>How many ready endpoints there are.</summary>
    public ShiftEndpoints Endpoints { get; init; }

    /// <summary>Why no step may begin now, other than for the target; null when one may.</summary>
    public string? Block { get; init; }

    /// <summary>What a person has said last; null when nobody has.</summary>
    public ShiftCommand? Command { get; init; }
}

/// <summary>What checks say.</summary>
public enum ShiftOutcome
{
    /// <summary>They hold.</summary>
    Pass,

    /// <summary>One does not.</summary>
    Fail,

    /// <summary>It cannot be said yet.</summary>
    Inconclusive,
}

/// <summary>What checks say, and by which measurements.</summary>
/// <param name="Outcome">The outcome.</param>
/// <param name="Reason">The measurements, for people.</param>
public sealed record ShiftVerdict(ShiftOutcome Outcome, string Reason)
{
    /// <summary>Of a shift without checks.</summary>
    public static ShiftVerdict NoChecks { get; } = new(ShiftOutcome.Pass, "no checks");
}
