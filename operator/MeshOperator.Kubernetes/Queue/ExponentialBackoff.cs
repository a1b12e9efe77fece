namespace MeshOperator.Kubernetes.Queue;

/// <summary>Pauses that double from one to the next, up to a bound, each shortened at random by up to half.</summary>
/// <param name="Base">The first pause.</param>
/// <param name="Max">The longest pause.</param>
public sealed record ExponentialBackoff(TimeSpan Base, TimeSpan Max)
{
    /// <summary>The pause after a number of failures in a row, 1 or more.</summary>
    /// <param name="failures">How often it has failed.</param>
    /// <param name="random">A number from 0 (longest) to 1 (half).</param>
    public TimeSpan After(int failures, double random)
    {
        var doubled = Base.TotalMilliseconds * Math.Pow(2, Math.Min(failures - 1, 40));
        return TimeSpan.FromMilliseconds(Math.Min(doubled, Max.TotalMilliseconds) * (1 - (random / 2)));
    }
}
