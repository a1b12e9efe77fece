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
/// <param name="Share">The part of the service's requests that it had in the last second, 0 to 1.</param>
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

/// <summary>Counts requests by service and version, over the last seconds. The shares of versions are of a shorter time than the rest, so
/// that a change of a split is seen at once.</summary>
internal sealed class TrafficLog(TimeProvider time)
{
    private const int MostSamples = 10_000;

    /// <summary>How far is looked back.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan ShareWindow = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<(string Service, string Version), Samples> _samples = new();
    private long _requests;
    private long _failed;

    /// <summary>How many requests were counted since the start, and how many of them failed.</summary>
    public (long Requests, long Failed) Total => (Interlocked.Read(ref _requests), Interlocked.Read(ref _failed));

    /// <summary>Counts a request.</summary>
    public void Add(RequestOutcome outcome)
    {
        Interlocked.Increment(ref _requests);
        if (!outcome.IsSuccess)
            Interlocked.Increment(ref _failed);
        _samples.GetOrAdd((outcome.Service, outcome.Version), _ => new Samples()).Add(time.GetTimestamp(), outcome);
    }

    /// <summary>What there was lately, by service and version.</summary>
    public IReadOnlyList<TrafficRow> Read()
    {
        var found = _samples
            .Select(samples =>
                (samples.Key, Recent: samples.Value.Read(IsWithin(Window)), Last: samples.Value.Read(IsWithin(ShareWindow)).Count)
            )
            .Where(samples => samples.Recent.Count > 0)
            .ToList();
        var totals = found.GroupBy(samples => samples.Key.Service).ToDictionary(group => group.Key, group => group.Sum(row => row.Last));
        return
        [
            .. found
                .Select(samples => ToRow(samples.Key, samples.Recent, samples.Last, totals[samples.Key.Service]))
                .OrderBy(row => row.Service, StringComparer.Ordinal)
                .ThenBy(row => row.Version, StringComparer.Ordinal),
        ];
    }

    private Func<long, bool> IsWithin(TimeSpan window)
    {
        var now = time.GetTimestamp();
        return at => time.GetElapsedTime(at, now) <= window;
    }

    private static TrafficRow ToRow((string Service, string Version) key, List<RequestOutcome> samples, int last, int lastOfAll)
    {
        var durations = samples.ConvertAll(sample => sample.Duration);
        durations.Sort();
        return new TrafficRow(
            key.Service,
            key.Version,
            lastOfAll == 0 ? 0 : (double)last / lastOfAll,
            samples.Count / Window.TotalSeconds,
            (double)samples.Count(sample => sample.IsSuccess) / samples.Count,
            durations[durations.Count / 2],
            durations[Math.Min(durations.Count - 1, durations.Count * 99 / 100)],
            (double)samples.Count(sample => sample.IsMutualTls) / samples.Count,
            samples.Count
        );
    }

    /// <summary>The requests to one version, the oldest first; those that nobody looks at any more are forgotten.</summary>
    private sealed class Samples
    {
        private readonly Lock _gate = new();
        private readonly Queue<(long At, RequestOutcome Outcome)> _samples = new();

        public void Add(long at, RequestOutcome outcome)
        {
            lock (_gate)
            {
                _samples.Enqueue((at, outcome));
                if (_samples.Count > MostSamples)
                    _samples.Dequeue();
            }
        }

        public List<RequestOutcome> Read(Func<long, bool> isWithin)
        {
            lock (_gate)
                return [.. _samples.Where(sample => isWithin(sample.At)).Select(sample => sample.Outcome)];
        }
    }
}
