using System.Numerics;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>Weighted backends in the form that Envoy needs.</summary>
/// <param name="MissingShare">0 to 1: the share whose backend does not exist.</param>
/// <param name="Present">The others, without those of weight 0. Empty only when nothing but missing ones has weight.</param>
internal sealed record BackendSplit(double MissingShare, IReadOnlyList<(BackendTarget Target, uint Weight)> Present)
{
    /// <summary>A prime near a million, see <see cref="Independent"/>.</summary>
    private const long IndependentTotal = 999_983;

    /// <summary>The split of backends.</summary>
    /// <param name="backends">The backends.</param>
    /// <param name="mirrored">0 to 1: the share of the requests to present backends that are drawn for something else by the same
    /// number.</param>
    public static BackendSplit Create(IReadOnlyList<WeightedBackend> backends, double mirrored = 0)
    {
        long missing = 0,
            total = 0;
        var present = new List<(BackendTarget Target, long Weight)>();
        foreach (var backend in backends)
        {
            total += backend.Weight;
            if (backend.Weight == 0)
                continue;
            if (backend.Target is null)
                missing += backend.Weight;
            else
                present.Add((backend.Target, backend.Weight));
        }

        var missingShare = total == 0 ? 0 : (double)missing / total;
        var smallest = (1 - missingShare) * (mirrored > 0 ? mirrored : 1);
        if (smallest < 1 && present.Count > 1)
            present = Independent(present, smallest);
        return new BackendSplit(missingShare, [.. present.Select(backend => (backend.Target, (uint)backend.Weight))]);
    }

    /// <summary>All shares by cluster, without those of weight 0.</summary>
    /// <param name="backends">The backends.</param>
    /// <param name="nameCluster">The cluster of a backend.</param>
    /// <param name="missing">The cluster that takes the share of those that do not exist.</param>
    public static IReadOnlyList<(string Cluster, uint Weight)> ByCluster(
        IReadOnlyList<WeightedBackend> backends,
        Func<BackendTarget, string> nameCluster,
        string missing
    ) =>
        [
            .. backends
                .Where(backend => backend.Weight > 0)
                .GroupBy(backend => backend.Target is { } target ? nameCluster(target) : missing)
                .Select(group => (group.Key, (uint)group.Sum(backend => (long)backend.Weight))),
        ];

    /// <summary>Envoy draws one random number a request and uses it for all: modulo a million for the shares of a route and of a mirror,
    /// and modulo the sum of the weights for the cluster. Among the numbers of such a share alone, a sum with a common factor would no
    /// longer be drawn from evenly. Small sums are even enough; others are scaled to a prime.</summary>
    private static List<(BackendTarget Target, long Weight)> Independent(List<(BackendTarget Target, long Weight)> backends, double share)
    {
        var divisor = (long)backends.Aggregate(BigInteger.Zero, (gcd, backend) => BigInteger.GreatestCommonDivisor(gcd, backend.Weight));
        var total = backends.Sum(backend => backend.Weight) / divisor;
        var remaining = share * 1_000_000;
        if (total * 1000 <= remaining || BigInteger.GreatestCommonDivisor(total, 1_000_000) == 1)
        {
            return [.. backends.Select(backend => (backend.Target, backend.Weight / divisor))];
        }

        var scaled = new List<(BackendTarget Target, long Weight)>();
        long done = 0,
            before = 0;
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
