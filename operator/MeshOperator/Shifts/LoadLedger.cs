using System.Collections.Immutable;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Xds.LoadStats;

namespace MeshOperator.Shifts;

/// <summary>Adds up what the proxies of all replicas have counted. A replica that starts again counts from 0, and loses nothing here. Not
/// thread-safe.</summary>
internal sealed class LoadLedger
{
    private readonly Dictionary<string, ShiftCounts> _totals = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Cluster, LatencyPart Part), LatencyHistogram> _latencies = [];
    private readonly Dictionary<string, ImmutableDictionary<string, ClusterLoad>> _latest = new(StringComparer.Ordinal);

    /// <summary>Notes what a replica says now.</summary>
    /// <param name="replica">Its name.</param>
    /// <param name="loads">What its proxies have counted since it began to ask.</param>
    public void Note(string replica, ImmutableDictionary<string, ClusterLoad> loads)
    {
        // What was counted before this replica began to listen is not known to be of now.
        var isFirst = !_latest.TryGetValue(replica, out var before);
        _latest[replica] = loads;
        if (isFirst)
            return;
        foreach (var (cluster, load) in loads)
        {
            var old = before!.GetValueOrDefault(cluster);
            var isContinued = old is not null && old.Requests <= load.Requests && old.Errors <= load.Errors;
            var more = isContinued
                ? new ShiftCounts(load.Requests - old!.Requests, load.Errors - old.Errors)
                : new ShiftCounts(load.Requests, load.Errors);
            _totals[cluster] = _totals.GetValueOrDefault(cluster).Add(more);
            Note(cluster, LatencyPart.Response, load.Latencies, old?.Latencies);
            Note(cluster, LatencyPart.FirstByte, load.FirstBytes, old?.FirstBytes);
        }
    }

    /// <summary>Keeps nothing of replicas that are gone but what they counted, and nothing of clusters that nobody needs.</summary>
    public void Keep(IReadOnlySet<string> replicas, IReadOnlySet<string> clusters)
    {
        foreach (var gone in _latest.Keys.Where(replica => !replicas.Contains(replica)).ToList())
            _latest.Remove(gone);
        foreach (var gone in _totals.Keys.Where(cluster => !clusters.Contains(cluster)).ToList())
        {
            _totals.Remove(gone);
            _latencies.Remove((gone, LatencyPart.Response));
            _latencies.Remove((gone, LatencyPart.FirstByte));
        }
    }

    /// <summary>What was counted of some clusters.</summary>
    public ShiftCounts Count(IEnumerable<string> clusters) =>
        clusters.Aggregate(default(ShiftCounts), (sum, cluster) => sum + _totals.GetValueOrDefault(cluster));

    /// <summary>How long requests to some clusters took.</summary>
    /// <param name="clusters">The clusters.</param>
    /// <param name="part">What of the requests.</param>
    public LatencyHistogram Latencies(IEnumerable<string> clusters, LatencyPart part) =>
        clusters.Aggregate(
            LatencyHistogram.Empty,
            (sum, cluster) => sum + _latencies.GetValueOrDefault((cluster, part), LatencyHistogram.Empty)
        );

    /// <summary>How many proxies of all replicas report of one of the clusters.</summary>
    public int CountReporters(IReadOnlyCollection<string> clusters) =>
        clusters.Count == 0 ? 0 : clusters.Max(cluster => _latest.Values.Sum(loads => loads.GetValueOrDefault(cluster)?.Reporters ?? 0));

    private void Note(string cluster, LatencyPart part, LatencyHistogram now, LatencyHistogram? before)
    {
        if (!now.Equals(before))
            _latencies[(cluster, part)] = Latencies([cluster], part) + now.Since(before ?? LatencyHistogram.Empty);
    }
}
