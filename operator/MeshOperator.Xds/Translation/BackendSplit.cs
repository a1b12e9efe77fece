using System.Numerics;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Xds.Translation;

/// <summary>Weighted backends as Envoy must be told of them.</summary>
/// <param name="MissingShare">0 to 1: the share whose backend does not exist.</param>
/// <param name="Present">The others, without those of weight 0. Empty only when nothing but missing ones has weight.</param>
internal sealed record BackendSplit(double MissingShare, IReadOnlyList<(BackendTarget Target, uint Weight)> Present)
{
    /// <summary>A prime near a million, see <see cref="Independent"/>.</summary>
    private const long IndependentTotal = 999_983;

    public static BackendSplit Of(IReadOnlyList<WeightedBackend> backends)
    {
        long missing = 0, total = 0;
        var present = new List<(BackendTarget Target, long Weight)>();
        foreach (var backend in backends)
        {
            total += backend.Weight;
            if (backend.Weight == 0) continue;
            if (backend.Target is null) missing += backend.Weight;
            else present.Add((backend.Target, backend.Weight));
        }

        if (missing > 0 && present.Count > 1) present = Independent(present, (double)missing / total);
        return new BackendSplit(
            total == 0 ? 0 : (double)missing / total,
            [.. present.Select(backend => (backend.Target, (uint)backend.Weight))]);
    }

    /// <summary>All shares by cluster, without those of weight 0.</summary>
    /// <param name="backends">The backends.</param>
    /// <param name="clusterOf">The cluster of a backend.</param>
    /// <param name="missing">The cluster that takes the share of those that do not exist.</param>
    public static IReadOnlyList<(string Cluster, uint Weight)> ByCluster(
        IReadOnlyList<WeightedBackend> backends, Func<BackendTarget, string> clusterOf, string missing) =>
    [
        .. backends
            .Where(backend => backend.Weight > 0)
            .GroupBy(backend => backend.Target is { } target ? clusterOf(target) : missing)
            .Select(group => (group.Key, (uint)group.Sum(backend => (long)backend.Weight))),
    ];

    /// <summary>Envoy draws one random number a request and uses it twice: modulo a million for the share of a route, and modulo the
    /// sum of the weights for the cluster. With the missing share cut off from the numbers modulo a million, a sum with a common
    /// factor would no longer be drawn from evenly. Small sums are even enough; others are scaled to a prime.</summary>
    private static List<(BackendTarget Target, long Weight)> Independent(List<(BackendTarget Target, long Weight)> backends, double missingShare)
    {
        var divisor = (long)backends.Aggregate(BigInteger.Zero, (gcd, backend) => BigInteger.GreatestCommonDivisor(gcd, backend.Weight));
        var total = backends.Sum(backend => backend.Weight) / divisor;
        var remaining = (1 - missingShare) * 1_000_000;
        if (total * 1000 <= remaining || BigInteger.GreatestCommonDivisor(total, 1_000_000) == 1)
        {
            return [.. backends.Select(backend => (backend.Target, backend.Weight / divisor))];
        }

        var scaled = new List<(BackendTarget Target, long Weight)>();
        long done = 0, before = 0;
        foreach (var (target, weight) in backends)
        {
            before += weight / divisor;
            var upTo = (long)Math.Round((double)before / total * IndependentTotal);
            scaled.Add((target, upTo - done));
            done = upTo;
        }

        return scaled;
    }
}
