using System.Threading.RateLimiting;
using Configuration = Envoy.Type.V3.TokenBucket;

namespace MeshOperator.Proxy.Filters;

/// <summary>A bucket that is filled evenly, at the rate of its tokens per interval, as Envoy fills it.</summary>
/// <param name="Limiter">Holds the tokens.</param>
/// <param name="Size">The most tokens that it holds.</param>
/// <param name="EachToken">How long it takes to fill in one.</param>
internal sealed record TokenBucket(TokenBucketRateLimiter Limiter, long Size, TimeSpan EachToken)
{
    /// <summary>Makes a full one.</summary>
    public static TokenBucket Create(Configuration configuration)
    {
        var (fill, interval) = ((int)(configuration.TokensPerFill ?? 1), configuration.FillInterval.ToTimeSpan());
        var limiter = new TokenBucketRateLimiter(
            new TokenBucketRateLimiterOptions
            {
                TokenLimit = (int)configuration.MaxTokens,
                TokensPerPeriod = fill,
                ReplenishmentPeriod = interval,
                // Filled when it is asked: a timer would keep each filter that was replaced.
                AutoReplenishment = false,
            }
        );
        return new TokenBucket(limiter, configuration.MaxTokens, interval / fill);
    }

    /// <summary>Takes tokens, if there are as many; says how many are left and when there is one.</summary>
    public (bool IsTaken, long Remaining, TimeSpan Reset) Take(long count)
    {
        Limiter.TryReplenish();
        // A limiter does not take more at once than it can hold.
        using var lease = count <= Size ? Limiter.AttemptAcquire((int)count) : null;
        var remaining = Limiter.GetStatistics()!.CurrentAvailablePermits;
        return (lease is { IsAcquired: true }, remaining, remaining > 0 ? TimeSpan.Zero : EachToken);
    }
}
