using System.Collections.Immutable;
using System.Net;
using System.Text.Json;
using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Pipeline;
using MeshOperator.Xds.LoadStats;

namespace MeshOperator.Shifts;

/// <summary>Reads from the proxies that report to this replica how long the requests of gradual shifts took. Only those with calls are
/// asked, and only while a shift has a check of latency.</summary>
internal sealed class LatencyReader(LoadStatsCollector collector, MeshPipeline pipeline, TimeProvider time, ILogger<LatencyReader> logger)
    : BackgroundService
{
    /// <summary>So many proxies are asked at once.</summary>
    private const int AtOnce = 8;

    /// <summary>The largest page that is read, in bytes; a cluster takes some 20 KiB.</summary>
    private const int LargestPage = 4 * 1024 * 1024;

    private static readonly TimeSpan Within = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, ImmutableDictionary<string, LatencyHistogram>> _seen = new(StringComparer.Ordinal);
    private ImmutableDictionary<string, Measured> _wanted = ImmutableDictionary.Create<string, Measured>(StringComparer.Ordinal);

    /// <summary>Says of which clusters it must be known, and of no others.</summary>
    public void Want(IEnumerable<ShiftCluster> clusters) =>
        Volatile.Write(
            ref _wanted,
            clusters
                .SelectMany(cluster =>
                    new (string Histogram, Measured Measured)[]
                    {
                        (cluster.Histogram, new Measured(cluster.Name, LatencyPart.Response)),
                        (cluster.FirstByteHistogram, new Measured(cluster.Name, LatencyPart.FirstByte)),
                    }
                )
                .DistinctBy(wanted => wanted.Histogram)
                .ToImmutableDictionary(wanted => wanted.Histogram, wanted => wanted.Measured, StringComparer.Ordinal)
        );

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var client = Connect();
        using var timer = new PeriodicTimer(LoadStatsCollector.Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                await ReadAllAsync(client, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
    }

    private async Task ReadAllAsync(HttpClient client, CancellationToken cancellation)
    {
        var wanted = Volatile.Read(ref _wanted);
        var callers = wanted.IsEmpty ? [] : collector.FindCallers(wanted.Values.Select(measured => measured.Cluster).Distinct());
        foreach (var gone in _seen.Keys.Except(callers).ToList())
            _seen.Remove(gone);
        var pods = pipeline.TranslatedSnapshot?.Pods ?? ImmutableDictionary<ObjectName, PodRecord>.Empty;
        var pages = new List<(string Caller, ImmutableDictionary<string, LatencyHistogram> Page)>();
        await Parallel.ForEachAsync(
            callers,
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation },
            async (caller, cancelled) =>
            {
                if (await ReadAsync(client, caller, pods, wanted, cancelled) is not { } page)
                    return;
                lock (pages)
                    pages.Add((caller, page));
            }
        );
        foreach (var (caller, page) in pages)
            Note(caller, page, wanted);
    }

    /// <summary>What came since the page before. What had been counted before the first page is not known to be of now.</summary>
    private void Note(string caller, ImmutableDictionary<string, LatencyHistogram> page, ImmutableDictionary<string, Measured> wanted)
    {
        var before = _seen.GetValueOrDefault(caller);
        _seen[caller] = page;
        if (before is null)
            return;
        foreach (var (histogram, latencies) in page)
        {
            var (cluster, part) = wanted[histogram];
            collector.Add(cluster, part, latencies.Since(before.GetValueOrDefault(histogram, LatencyHistogram.Empty)));
        }
    }

    private async Task<ImmutableDictionary<string, LatencyHistogram>?> ReadAsync(
        HttpClient client,
        string caller,
        ImmutableDictionary<ObjectName, PodRecord> pods,
        ImmutableDictionary<string, Measured> wanted,
        CancellationToken cancellation
    )
    {
        if (
            !WorkloadName.TryParseNodeId(caller, out var name)
            || !pods.TryGetValue(new ObjectName(name.Namespace, name.Pod), out var pod)
            || !IPAddress.TryParse(pod.Address, out var address)
        )
            return null;
        try
        {
            var url = new UriBuilder("http", address.ToString(), ProxyPort.Prometheus, MeshNames.ShiftLatencyPath).Uri;
            return LatencyPage.Parse(await client.GetByteArrayAsync(url, cancellation), wanted.ContainsKey);
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or TaskCanceledException)
        {
            cancellation.ThrowIfCancellationRequested();
            Log.LatenciesUnread(logger, caller, e.Message);
            return null;
        }
    }

    /// <summary>What a histogram measures.</summary>
    private sealed record Measured(string Cluster, LatencyPart Part);

    private static HttpClient Connect() =>
        new(
            new SocketsHttpHandler
            {
                ActivityHeadersPropagator = null,
                AllowAutoRedirect = false,
                ConnectTimeout = Within,
                PooledConnectionIdleTimeout = 3 * LoadStatsCollector.Interval,
                UseCookies = false,
                UseProxy = false,
            }
        )
        {
            MaxResponseContentBufferSize = LargestPage,
            Timeout = Within,
        };
}
