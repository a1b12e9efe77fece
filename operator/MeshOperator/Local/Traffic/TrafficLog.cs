using System.Collections.Concurrent;

namespace MeshOperator.Local.Traffic;

/// <summary>How one request ended, as its caller saw it.</summary>
/// <param name="Service">The service that was called, <c>name.namespace</c>.</param>
/// <param name="Version">The version that answered; empty when none did.</param>
/// <param name="IsSuccess">Whether it was answered without an error.</param>
/// <param name="Duration">How long the answer took.</param>
/// <param name="IsMutualTls">Whether the application says that it came over mutual TLS.</param>
internal readonly record struct RequestOutcome(string Service, string Version, bool IsSuccess, TimeSpan Duration, bool IsMutualTls);

/// <summary>What went to one version of a service lately.</summary>
/// <param name="Service">The service, <c>name.namespace</c>.</param>
/// <param name="Version">The version that answered; empty for requests that nobody answered.</param>
/// <param name="Share">The part of the service's requests that it had, 0 to 1.</param>
/// <param name="Rate">Requests a second.</param>
/// <param name="SuccessRate">0 to 1.</param>
/// <param name="P50">The median latency.</param>
/// <param name="P99">The 99th percentile of latency.</param>
/// <param name="MutualTls">The part of the requests that came over mutual TLS, 0 to 1.</param>
/// <param name="Requests">How many there were in the window.</param>
internal sealed record TrafficRow(
    string Service,
    string Version,
    double Share,
    double Rate,
    double SuccessRate,
    TimeSpan P50,
    TimeSpan P99,
    double MutualTls,
    int Requests
);

/// <summary>Counts requests by service and version, over the last seconds.</summary>
internal sealed class TrafficLog(TimeProvider time)
{
    /// <summary>How many seconds are looked back.</summary>
    public const int WindowSeconds = 5;

    private const int MostSamples = 2000;
    private readonly ConcurrentDictionary<(string Service, string Version), Window> _windows = new();

    /// <summary>How many requests were counted since the start, and how many of them failed.</summary>
    public (long Requests, long Failed) Total => (Interlocked.Read(ref _requests), Interlocked.Read(ref _failed));

    private long _requests;
    private long _failed;

    /// <summary>Counts a request.</summary>
    public void Add(RequestOutcome outcome)
    {
        Interlocked.Increment(ref _requests);
        if (!outcome.IsSuccess)
            Interlocked.Increment(ref _failed);
        _windows.GetOrAdd((outcome.Service, outcome.Version), _ => new Window()).Add(Second, outcome);
    }

    /// <summary>What there was in the window, by service and version.</summary>
    public IReadOnlyList<TrafficRow> Read()
    {
        // The present second is not over.
        var until = Second;
        var found = _windows
            .Select(window => (window.Key, Samples: window.Value.Read(until - WindowSeconds, until)))
            .Where(window => window.Samples.Count > 0)
            .ToList();
        var totals = found.GroupBy(window => window.Key.Service).ToDictionary(group => group.Key, group => group.Sum(w => w.Samples.Count));
        return
        [
            .. found
                .Select(window => ToRow(window.Key, window.Samples, totals[window.Key.Service]))
                .OrderBy(row => row.Service, StringComparer.Ordinal)
                .ThenBy(row => row.Version, StringComparer.Ordinal),
        ];
    }

    private long Second => time.GetUtcNow().ToUnixTimeSeconds();

    private static TrafficRow ToRow((string Service, string Version) key, List<RequestOutcome> samples, int total)
    {
        var durations = samples.ConvertAll(sample => sample.Duration);
        durations.Sort();
        return new TrafficRow(
            key.Service,
            key.Version,
            (double)samples.Count / total,
            (double)samples.Count / WindowSeconds,
            (double)samples.Count(sample => sample.IsSuccess) / samples.Count,
            durations[durations.Count / 2],
            durations[Math.Min(durations.Count - 1, durations.Count * 99 / 100)],
            (double)samples.Count(sample => sample.IsMutualTls) / samples.Count,
            samples.Count
        );
    }

    private sealed class Window
    {
        private readonly Lock _gate = new();
        private readonly Queue<(long Second, RequestOutcome Outcome)> _samples = new();

        public void Add(long second, RequestOutcome outcome)
        {
            lock (_gate)
            {
                _samples.Enqueue((second, outcome));
                while (_samples.Count > MostSamples || (_samples.Count > 0 && _samples.Peek().Second < second - WindowSeconds))
                    _samples.Dequeue();
            }
        }

        public List<RequestOutcome> Read(long from, long until)
        {
            lock (_gate)
                return [.. _samples.Where(s => s.Second >= from && s.Second < until).Select(s => s.Outcome)];
        }
    }
}
