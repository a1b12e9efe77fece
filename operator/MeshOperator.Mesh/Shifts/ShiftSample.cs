namespace MeshOperator.Mesh.Shifts;

/// <summary>What the callers' proxies have counted since a step was acknowledged.</summary>
/// <param name="Target">Of the backend that the traffic is shifted to.</param>
/// <param name="Others">Of the other backends together.</param>
/// <param name="Gap">Why not all was counted; null when it was.</param>
public sealed record ShiftSample(ShiftCounts Target, ShiftCounts Others, string? Gap)
{
    /// <summary>How long requests took, as far as it is known.</summary>
    public ShiftLatencies Latencies { get; init; } = ShiftLatencies.None;
}
