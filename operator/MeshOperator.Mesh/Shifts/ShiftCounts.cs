namespace MeshOperator.Mesh.Shifts;

/// <summary>Requests that were answered, and those of them that failed.</summary>
/// <param name="Requests">All, each attempt by itself.</param>
/// <param name="Errors">Those that failed: HTTP status 5xx, an error of gRPC that means the same, or no answer.</param>
public readonly record struct ShiftCounts(long Requests, long Errors)
{
    /// <summary>The sum.</summary>
    public static ShiftCounts operator +(ShiftCounts a, ShiftCounts b) => new(a.Requests + b.Requests, a.Errors + b.Errors);

    /// <summary>The sum.</summary>
    public ShiftCounts Add(ShiftCounts other) => this + other;

    /// <summary>The part that succeeded, in percent; 100 where there was none.</summary>
    public double SuccessPercent => Requests == 0 ? 100 : 100.0 * (Requests - Errors) / Requests;
}
