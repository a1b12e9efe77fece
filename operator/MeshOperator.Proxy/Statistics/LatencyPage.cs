using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using MeshOperator.Mesh.Shifts;

namespace MeshOperator.Proxy.Statistics;

/// <summary>How long requests took, by the cluster's name in statistics, as Envoy shows it in JSON with all buckets.</summary>
internal sealed class LatencyPage
{
    private readonly ConcurrentDictionary<string, Cell> _clusters = new(StringComparer.Ordinal);

    /// <summary>Adds a request.</summary>
    public void Add(string cluster, TimeSpan took) => _clusters.GetOrAdd(cluster, static _ => new Cell()).Add(took);

    /// <summary>The page.</summary>
    public string Render()
    {
        var details = _clusters
            .OrderBy(cluster => cluster.Key, StringComparer.Ordinal)
            .Select(cluster => new JsonObject
            {
                ["name"] = $"cluster.{cluster.Key}.upstream_rq_time",
                ["totals"] = new JsonArray([
                    .. cluster
                        .Value.Read()
                        .Buckets.Select(bucket => new JsonObject
                        {
                            ["lower_bound"] = bucket.Key,
                            ["width"] = LatencyHistogram.Width(bucket.Key),
                            ["count"] = bucket.Value,
                        }),
                ]),
            });
        return new JsonObject
        {
            ["stats"] = new JsonArray(new JsonObject { ["histograms"] = new JsonObject { ["details"] = new JsonArray([.. details]) } }),
        }.ToJsonString();
    }

    private sealed class Cell
    {
        private readonly Lock _gate = new();
        private LatencyHistogram _histogram = LatencyHistogram.Empty;

        public void Add(TimeSpan took)
        {
            lock (_gate)
                _histogram = _histogram.Add((long)took.TotalMilliseconds, 1);
        }

        public LatencyHistogram Read()
        {
            lock (_gate)
                return _histogram;
        }
    }
}
