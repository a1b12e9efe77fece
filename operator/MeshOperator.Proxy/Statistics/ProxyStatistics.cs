using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using MeshOperator.Proxy.Bootstrap;

namespace MeshOperator.Proxy.Statistics;

/// <summary>Counts what happens, under the names and labels that Envoy has for it in Prometheus' format.</summary>
internal sealed class ProxyStatistics(IReadOnlyList<StatisticsTag> tags)
{
    private readonly ConcurrentDictionary<StatisticsKey, StrongCount> _counters = new();
    private readonly ConcurrentDictionary<string, string> _labels = new(StringComparer.Ordinal);
    private readonly List<(string Name, Func<IEnumerable<(string Scope, double Value)>> Read)> _gauges = [];

    /// <summary>What is reported to the operator.</summary>
    public LoadCounts Loads { get; } = new();

    /// <summary>How long the requests of gradual shifts took.</summary>
    public LatencyPage Latencies { get; } = new();

    /// <summary>Counts one.</summary>
    /// <param name="scope"><c>cluster</c> or <c>http</c>.</param>
    /// <param name="owner">Whose statistic it is, such as a cluster's name.</param>
    /// <param name="name">The statistic's name.</param>
    /// <param name="label">One more label, or null.</param>
    public void Count(string scope, string owner, string name, (string Name, string Value)? label = null) =>
        _counters.GetOrAdd(new StatisticsKey(scope, owner, name, label), static _ => new StrongCount()).Increment();

    /// <summary>Counts a response by its class and status, as <c>…_rq_xx</c> and <c>…_rq</c>.</summary>
    public void CountResponse(string scope, string owner, string prefix, int status)
    {
        Count(scope, owner, $"{prefix}_xx", ("envoy_response_code_class", (status / 100).ToString(CultureInfo.InvariantCulture)));
        Count(scope, owner, prefix, ("envoy_response_code", status.ToString(CultureInfo.InvariantCulture)));
    }

    /// <summary>The count of a statistic, whatever its further label.</summary>
    public long Total(string scope, string owner, string name) =>
        _counters
            .Where(entry => entry.Key.Scope == scope && entry.Key.Owner == owner && entry.Key.Name == name)
            .Sum(entry => entry.Value.Value);

    /// <summary>Adds a value of clusters that is read when somebody asks.</summary>
    public void Gauge(string name, Func<IEnumerable<(string Cluster, double Value)>> read)
    {
        lock (_gauges)
            _gauges.Add((name, read));
    }

    /// <summary>All of it as Prometheus reads it.</summary>
    public string Render()
    {
        var text = new StringBuilder();
        foreach (
            var group in _counters.GroupBy(entry => $"envoy_{entry.Key.Scope}_{entry.Key.Name}").OrderBy(g => g.Key, StringComparer.Ordinal)
        )
        {
            text.Append(CultureInfo.InvariantCulture, $"# TYPE {group.Key} counter\n");
            foreach (var (key, count) in group.OrderBy(entry => entry.Key.Owner, StringComparer.Ordinal))
                text.Append(CultureInfo.InvariantCulture, $"{group.Key}{{{Labels(key)}}} {count.Value}\n");
        }

        lock (_gauges)
        {
            foreach (var (name, read) in _gauges)
            {
                text.Append(CultureInfo.InvariantCulture, $"# TYPE envoy_cluster_{name} gauge\n");
                foreach (var (cluster, value) in read())
                    text.Append(
                        CultureInfo.InvariantCulture,
                        $"envoy_cluster_{name}{{{Labels(new StatisticsKey("cluster", cluster, name, null))}}} {value}\n"
                    );
            }
        }

        return text.ToString();
    }

    private string Labels(StatisticsKey key)
    {
        var owner = _labels.GetOrAdd($"{key.Scope}.{key.Owner}.", OwnerLabels);
        return key.Label is { } label ? $"{owner},{label.Name}=\"{label.Value}\"" : owner;
    }

    /// <summary>The labels of an owner: the bootstrap's, and the owner's name.</summary>
    private string OwnerLabels(string name)
    {
        var labels = new List<string>();
        foreach (var tag in tags)
        {
            if (tag.Pattern is null)
            {
                labels.Add($"{tag.Name}=\"{tag.Value}\"");
            }
            else if (tag.Pattern.Match(name) is { Success: true } match)
            {
                var value = match.Groups.Count > 2 ? match.Groups[2].Value : match.Groups[1].Value;
                labels.Add($"{tag.Name}=\"{value}\"");
            }
        }

        var separator = name.IndexOf('.', StringComparison.Ordinal);
        var label = name[..separator] == "cluster" ? "envoy_cluster_name" : "envoy_http_conn_manager_prefix";
        labels.Add($"{label}=\"{name[(separator + 1)..^1]}\"");
        return string.Join(',', labels);
    }

    private sealed record StatisticsKey(string Scope, string Owner, string Name, (string Name, string Value)? Label);

    private sealed class StrongCount
    {
        private long _value;

        public long Value => Interlocked.Read(ref _value);

        public void Increment() => Interlocked.Increment(ref _value);
    }
}
