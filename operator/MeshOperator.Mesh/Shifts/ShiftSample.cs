using System.Collections.Immutable;

namespace MeshOperator.Mesh.Shifts;

/// <summary>What the callers' proxies have counted since a step was acknowledged.</summary>
/// <param name="Target">Of the backend that the traffic is shifted to.</param>
/// <param name="Others">Of the other backends together.</param>
/// <param name="Gap">Why not all was counted; null when it was.</param>
public sealed record ShiftSample(ShiftCounts Target, ShiftCounts Others, string? Gap)
{
    /// <summary>What was answered to checks that are asked, by their place in the list of checks.</summary>
    public IReadOnlyDictionary<int, CheckAnswers> Answers { get; init; } = ImmutableDictionary<int, CheckAnswers>.Empty;

    /// <summary>How many ready endpoints there are now.</summary>
    public ShiftEndpoints Endpoints { get; init; }

    /// <summary>Whether requests are counted at all: bytes have none.</summary>
    public bool IsCounted { get; init; } = true;

    /// <summary>Whether the target's are copies of requests.</summary>
    public bool IsOfCopies { get; init; }

    /// <summary>How long requests took to the first byte of the response's body, as far as it is known.</summary>
    public ShiftLatencies FirstBytes { get; init; } = ShiftLatencies.None;

    /// <summary>How long requests took, as far as it is known.</summary>
    public ShiftLatencies Latencies { get; init; } = ShiftLatencies.None;
}
