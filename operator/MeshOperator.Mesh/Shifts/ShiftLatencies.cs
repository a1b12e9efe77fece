using System.Collections.Immutable;

namespace MeshOperator.Mesh.Shifts;

/// <summary>How long requests took since a step was acknowledged.</summary>
/// <param name="Earlier">Those to the target, before the minutes.</param>
/// <param name="Minutes">Those to the target by minute, at most <see cref="Most"/>; the last one goes on.</param>
/// <param name="Others">Those to the other backends.</param>
public sealed record ShiftLatencies(LatencyHistogram Earlier, ImmutableList<LatencyHistogram> Minutes, LatencyHistogram Others)
{
    /// <summary>So many minutes are kept apart.</summary>
    public const int Most = 60;

    /// <summary>Nothing is known.</summary>
    public static ShiftLatencies None { get; } = new(LatencyHistogram.Empty, [], LatencyHistogram.Empty);

    /// <summary>All requests to the target.</summary>
    public LatencyHistogram Target => Minutes.Aggregate(Earlier, (sum, minute) => sum + minute);

    /// <summary>With what came since.</summary>
    /// <param name="target">More requests to the target.</param>
    /// <param name="others">More requests to the others.</param>
    /// <param name="beginsMinute">Whether a new minute begins with them.</param>
    public ShiftLatencies Add(LatencyHistogram target, LatencyHistogram others, bool beginsMinute)
    {
        ArgumentNullException.ThrowIfNull(target);
        if (Minutes.Count > 0 && !beginsMinute)
            return this with { Minutes = Minutes.SetItem(Minutes.Count - 1, Minutes[^1] + target), Others = Others + others };
        return Minutes.Count < Most
            ? this with
            {
                Minutes = Minutes.Add(target),
                Others = Others + others,
            }
            : new ShiftLatencies(Earlier + Minutes[0], Minutes.RemoveAt(0).Add(target), Others + others);
    }
}
