using System.Collections.Immutable;
using Envoy.Service.LoadStats.V3;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Shifts;

namespace MeshOperator.Xds.LoadStats;

/// <summary>Asks the proxies of this replica for what they count, and adds it up. Only clusters that something needs are asked for, and
/// nothing is kept of others.</summary>
/// <param name="time">The clock.</param>
public sealed class LoadStatsCollector(TimeProvider time)
{
    /// <summary>How often proxies report.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>A proxy whose last report is older does not count as one that reports.</summary>
    private static readonly TimeSpan Lately = 3 * Interval;

    /// <summary>More than that no proxy can have counted since its last report.</summary>
    private const ulong MostRequests = 1UL << 40;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Sums> _sums = new(StringComparer.Ordinal);
    private ImmutableSortedSet<string> _wanted = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Raised after a report; must return at once.</summary>
    public event Action? Reported;

    /// <summary>The clusters that proxies are asked for.</summary>
    public IReadOnlySet<string> Wanted => Volatile.Read(ref _wanted);

    /// <summary>Asks for these clusters and no others. Those that were asked for before go on being counted.</summary>
    public void Want(IEnumerable<string> clusters)
    {
        var wanted = clusters.ToImmutableSortedSet(StringComparer.Ordinal);
        lock (_gate)
        {
            if (wanted.SetEquals(_wanted))
                return;
            Volatile.Write(ref _wanted, wanted);
            foreach (var gone in _sums.Keys.Where(cluster => !wanted.Contains(cluster)).ToList())
                _sums.Remove(gone);
            foreach (var cluster in wanted.Where(cluster => !_sums.ContainsKey(cluster)))
                _sums.Add(cluster, new Sums());
            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>What was counted so far, by cluster.</summary>
    public ImmutableDictionary<string, ClusterLoad> Take()
    {
        lock (_gate)
        {
            var since = time.GetUtcNow() - Lately;
            return ClusterLoad.None.AddRange(
                _sums.Select(sums =>
                    KeyValuePair.Create(
                        sums.Key,
                        new ClusterLoad(sums.Value.Requests, sums.Value.Errors, sums.Value.Seen.Count(seen => seen.Value >= since))
                        {
                            Latencies = sums.Value.Latencies,
                            FirstBytes = sums.Value.FirstBytes,
                        }
                    )
                )
            );
        }
    }

    /// <summary>The proxies that have lately sent requests to one of some clusters.</summary>
    public IReadOnlyList<string> FindCallers(IEnumerable<string> clusters)
    {
        lock (_gate)
        {
            var since = time.GetUtcNow() - Lately;
            return
            [
                .. clusters
                    .Select(_sums.GetValueOrDefault)
                    .OfType<Sums>()
                    .SelectMany(sums => sums.Called.Where(called => called.Value >= since))
                    .Select(called => called.Key)
                    .Distinct(),
            ];
        }
    }

    /// <summary>Whether a proxy has lately reported of any cluster.</summary>
    public bool Reports(string nodeId)
    {
        lock (_gate)
        {
            var since = time.GetUtcNow() - Lately;
            return _sums.Values.Any(sums => sums.Seen.TryGetValue(nodeId, out var seen) && seen >= since);
        }
    }

    /// <summary>Adds how long requests to a cluster took, by a proxy's histograms.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="part">What of the requests took so long.</param>
    /// <param name="latencies">How long.</param>
    public void Add(string cluster, LatencyPart part, LatencyHistogram latencies)
    {
        lock (_gate)
        {
            if (!_sums.TryGetValue(cluster, out var sums))
                return;
            if (part is LatencyPart.FirstByte)
                sums.FirstBytes += latencies;
            else
                sums.Latencies += latencies;
        }
    }

    /// <summary>Completes when other clusters than these are asked for.</summary>
    internal async Task<IReadOnlySet<string>> WaitForChangeAsync(IReadOnlySet<string> seen, CancellationToken cancellation)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (!ReferenceEquals(seen, _wanted))
                    return _wanted;
                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellation);
        }
    }

    /// <summary>Adds a proxy's report.</summary>
    internal void Add(string nodeId, LoadStatsRequest report)
    {
        var isNew = false;
        lock (_gate)
        {
            foreach (var cluster in report.ClusterStats)
            {
                if (!_sums.TryGetValue(cluster.ClusterName, out var sums))
                    continue;
                isNew = true;
                sums.Seen[nodeId] = time.GetUtcNow();
                var before = sums.Requests;
                foreach (var zone in cluster.UpstreamLocalityStats)
                {
                    var errors = (long)Math.Min(zone.TotalErrorRequests, MostRequests);
                    sums.Errors += errors;
                    sums.Requests += errors + (long)Math.Min(zone.TotalSuccessfulRequests, MostRequests);
                }

                if (sums.Requests > before)
                    sums.Called[nodeId] = sums.Seen[nodeId];
            }
        }

        if (isNew)
            Reported?.Invoke();
    }

    /// <summary>Forgets a proxy that has gone, but not what it counted.</summary>
    internal void Forget(string nodeId)
    {
        lock (_gate)
        {
            foreach (var sums in _sums.Values)
            {
                sums.Seen.Remove(nodeId);
                sums.Called.Remove(nodeId);
            }
        }
    }

    private sealed class Sums
    {
        public long Requests { get; set; }

        public long Errors { get; set; }

        public LatencyHistogram Latencies { get; set; } = LatencyHistogram.Empty;

        public LatencyHistogram FirstBytes { get; set; } = LatencyHistogram.Empty;

        /// <summary>When a proxy last sent requests there.</summary>
        public Dictionary<string, DateTimeOffset> Called { get; } = new(StringComparer.Ordinal);

        public Dictionary<string, DateTimeOffset> Seen { get; } = new(StringComparer.Ordinal);
    }
}
