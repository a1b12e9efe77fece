using System.Collections.Concurrent;

namespace MeshOperator.Proxy.Statistics;

/// <summary>Counts requests by cluster since the last report of loads.</summary>
internal sealed class LoadCounts
{
    private readonly ConcurrentDictionary<string, Counts> _clusters = new(StringComparer.Ordinal);

    /// <summary>Counts an attempt.</summary>
    /// <param name="cluster">The cluster's name.</param>
    /// <param name="isError">Whether it failed.</param>
    public void Count(string cluster, bool isError) => _clusters.GetOrAdd(cluster, static _ => new Counts()).Add(isError);

    /// <summary>What was counted of a cluster since this was called last.</summary>
    public (long Successes, long Errors) Take(string cluster) => _clusters.TryGetValue(cluster, out var counts) ? counts.Take() : default;

    private sealed class Counts
    {
        private long _successes;
        private long _errors;

        public void Add(bool isError) => Interlocked.Increment(ref isError ? ref _errors : ref _successes);

        public (long Successes, long Errors) Take() => (Interlocked.Exchange(ref _successes, 0), Interlocked.Exchange(ref _errors, 0));
    }
}
