namespace MeshOperator.Pipeline;

/// <summary>Knows whether a round of the pipeline does not end. Rounds that fail do end: a restart cures no input, and would lose the last
/// good configuration.</summary>
internal sealed class PipelineWatch(TimeProvider time)
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(2);
    private const long None = 0;

    private long _began = None;

    /// <summary>Whether a round has lasted too long.</summary>
    public bool IsStuck => Volatile.Read(ref _began) is not None and var began && time.GetElapsedTime(began) > Longest;

    /// <summary>Marks the beginning of a round.</summary>
    public void Begin() => Volatile.Write(ref _began, Math.Max(1, time.GetTimestamp()));

    /// <summary>Marks its end.</summary>
    public void End() => Volatile.Write(ref _began, None);
}
