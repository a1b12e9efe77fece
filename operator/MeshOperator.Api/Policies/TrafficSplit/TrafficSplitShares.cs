namespace MeshOperator.Api.Policies;

/// <summary>The shares of a split for people.</summary>
public static class TrafficSplitShares
{
    /// <summary>So many characters a status takes.</summary>
    private const int Longest = 4096;

    /// <summary>The shares of backends, for example <c>model-v1 90% · model-v2 10%</c>.</summary>
    /// <param name="backends">The backends.</param>
    /// <param name="weights">Their weights, in the same order.</param>
    public static string Describe(IReadOnlyList<TrafficSplitBackend> backends, IReadOnlyList<int> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        var sum = Math.Max(1, weights.Sum(weight => (long)weight));
        return string.Join(
            " · ",
            backends.Select((backend, i) => FormattableString.Invariant($"{backend.Service} {100.0 * weights[i] / sum:0.##}%"))
        );
    }

    /// <summary>The shares that the weights of a split say.</summary>
    /// <returns>Null for one with a gradual shift, whose shares are not in its spec.</returns>
    public static string? Describe(TrafficSplitSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        if (spec.Shift is not null || spec.Rules?.Exists(rule => rule.Shift is not null) == true)
            return null;
        var shares = spec.Backends is { } backends
            ? Describe(backends)
            : string.Join(
                "; ",
                (spec.Rules ?? []).Select((rule, i) => $"{TrafficSplitDefaults.ResolveName(rule, i)}: {Describe(rule.Backends)}")
            );
        return shares.Length <= Longest ? shares : shares[..(Longest - 1)] + "…";
    }

    private static string Describe(List<TrafficSplitBackend> backends) =>
        Describe(backends, backends.ConvertAll(TrafficSplitDefaults.ResolveWeight));
}
