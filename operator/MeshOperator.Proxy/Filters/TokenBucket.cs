using Bucket = Envoy.Type.V3.TokenBucket;

namespace MeshOperator.Proxy.Filters;

/// <summary>A bucket of tokens that is filled at intervals.</summary>
internal sealed class TokenBucket(Bucket configuration, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly long _fill = configuration.TokensPerFill ?? 1;
    private readonly TimeSpan _interval = configuration.FillInterval.ToTimeSpan();
    private long _tokens = configuration.MaxTokens;
    private long _filledAt = time.GetTimestamp();

    /// <summary>The most tokens that it holds.</summary>
    public long Size { get; } = configuration.MaxTokens;

    /// <summary>Takes tokens, if there are as many; says how many are left and when there are more.</summary>
    public (bool IsTaken, long Remaining, TimeSpan Reset) Take(long count)
    {
        lock (_gate)
        {
            var fills = time.GetElapsedTime(_filledAt).Ticks / _interval.Ticks;
            if (fills > 0)
            {
                _tokens = Math.Min(Size, _tokens + (fills * _fill));
                _filledAt += (long)(fills * _interval.TotalSeconds * time.TimestampFrequency);
            }

            var isTaken = _tokens >= count;
            if (isTaken)
                _tokens -= count;
            return (isTaken, _tokens, _interval - time.GetElapsedTime(_filledAt));
        }
    }
}
