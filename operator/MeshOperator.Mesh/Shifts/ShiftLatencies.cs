using System.Collections.Immutable;

namespace MeshOperator.Mesh.Shifts;

/// <summary>How long requests took since a step was acknowledged.</summary>
/// <param name="Target">All those to the target.</param>
/// <param name="Minutes">Those of them of the latest minutes, at most <see cref="Most"/>; the last one goes on.</param>
/// <param name="Others">Those to the other backends.</param>
public sealed record ShiftLatencies(LatencyHistogram Target, ImmutableList<LatencyHistogram> Minutes, LatencyHistogram Others)
{
    /// <summary>So many minutes are kept apart.</summary>
    public const int Most = 60;

    /// <summary>Nothing is known.</summary>
    public static ShiftLatencies None { get; } = new(LatencyHistogram.Empty, [], LatencyHistogram.Empty);

    /// <summary>With what came since.</summary>
    /// <param name="target">More requests to the target.</param>
    /// <param name="others">More requests to the others.</param>
    /// <param name="beginsMinute">Whether a new minute begins with them.</param>
    public ShiftLatencies Add(LatencyHistogram target, LatencyHistogram others, bool beginsMinute)
    {
        ArgumentNullException.ThrowIfNull(target);
        var minutes =
            Minutes.Count > 0 && !beginsMinute ? Minutes.SetItem(Minutes.Count - 1, Minutes[^1] + target)
            : Minutes.Count < Most ? Minutes.Add(target)
            : Minutes.RemoveAt(0).Add(target);
        return new ShiftLatencies(Target + target, minutes, Others + others);
    }
}
