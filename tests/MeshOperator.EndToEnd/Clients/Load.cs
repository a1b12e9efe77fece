using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using MeshOperator.Testing;

namespace MeshOperator.EndToEnd.Clients;

/// <summary>Requests that are counted, every one of them: open loop, a rate that does not wait for answers, or closed loop, callers that
/// do.</summary>
internal sealed class Load
{
    /// <summary>Requests beyond this are counted but not kept one by one.</summary>
    private const int MostKept = 200_000;

    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly ConcurrentQueue<Sample> _samples = new();
    private readonly ConcurrentDictionary<string, int> _outcomes = new(StringComparer.Ordinal);
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly CancellationTokenSource _ending = new();
    private Task _running = Task.CompletedTask;
    private int _sent;
    private int _answered;
    private int _failed;

    private Load() { }

    /// <summary>How many requests have their answer, or failed.</summary>
    public int Answered => Volatile.Read(ref _answered);

    /// <summary>How many failed.</summary>
    public int Failed => Volatile.Read(ref _failed);

    /// <summary>How many have no answer yet.</summary>
    public int InFlight => Volatile.Read(ref _sent) - Answered;

    /// <summary>The time of its clock, to which samples refer.</summary>
    public TimeSpan Now => _clock.Elapsed;

    /// <summary>What came so far.</summary>
    public LoadResult SoFar => new([.. _samples], Answered, Failed, new Dictionary<string, int>(_outcomes, StringComparer.Ordinal));

    /// <summary>Starts an open loop over one pool of connections.</summary>
    public static Load Open(Client client, string url, double rate, params string[] headers)
    {
        var load = new Load();
        load._running = Task.Run(() => load.PaceAsync(client, url, rate, headers));
        return load;
    }

    /// <summary>Runs a closed loop to its end.</summary>
    public static async Task<LoadResult> ClosedAsync(
        Client client,
        HttpMethod method,
        string url,
        int callers,
        int requests,
        string[] headers
    )
    {
        var load = new Load();
        var left = requests;
        await Task.WhenAll(
            Enumerable
                .Range(0, callers)
                .Select(caller =>
                    Task.Run(async () =>
                    {
                        var connections = 0;
                        using var http = client.CreateHttp(() => connections++);
                        while (Interlocked.Decrement(ref left) >= 0)
                            await load.SendAsync(http, method, url, headers, () => (caller * 100_000) + connections);
                    })
                )
        );
        return load.SoFar;
    }

    /// <summary>Waits until so many requests have their answer.</summary>
    public Task ReachesAsync(int answered, TimeSpan? within = null) =>
        Eventually.Succeeds(
            () =>
            {
                if (Answered < answered)
                    throw new TimeoutException($"{Answered} of {answered} requests have an answer: {SoFar}");
            },
            within
        );

    /// <summary>Lets so much time of load go by; the load goes on meanwhile.</summary>
    public Task GoOnAsync(TimeSpan time)
    {
        var until = Now + time;
        return Eventually.Succeeds(
            () =>
            {
                if (Now < until)
                    throw new TimeoutException("the load goes on");
            },
            time + TimeSpan.FromSeconds(10)
        );
    }

    /// <summary>Sends no more, waits for the answers, and says what came.</summary>
    public async Task<LoadResult> EndAsync()
    {
        await _ending.CancelAsync();
        await _running;
        _ending.Dispose();
        return SoFar;
    }

    private async Task PaceAsync(Client client, string url, double rate, string[] headers)
    {
        var connections = 0;
        using var http = client.CreateHttp(() => Interlocked.Increment(ref connections));
        var inFlight = new ConcurrentDictionary<Task, bool>();
        using var timer = new PeriodicTimer(Tick);
        var started = _clock.Elapsed;
        for (var sent = 0L; !_ending.IsCancellationRequested; )
        {
            for (var due = (long)((_clock.Elapsed - started).TotalSeconds * rate); sent < due; sent++)
            {
                var request = Task.Run(() => SendAsync(http, HttpMethod.Get, url, headers, () => connections));
                inFlight[request] = true;
                _ = request.ContinueWith(t => inFlight.TryRemove(t, out _), TaskScheduler.Default);
            }

            await timer.WaitForNextTickAsync();
        }

        await Task.WhenAll(inFlight.Keys);
    }

    private async Task SendAsync(HttpClient http, HttpMethod method, string url, string[] headers, Func<int> connection)
    {
        Interlocked.Increment(ref _sent);
        var start = _clock.Elapsed;
        var (status, version, pod, error) = (0, string.Empty, string.Empty, default(string));
        using var request = Client.Request(method, url, headers, method == HttpMethod.Post ? new StringContent("a body") : null, null);
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseContentRead, limit.Token);
            status = (int)response.StatusCode;
            if (response.Headers.TryGetValues("x-version", out var versions))
                version = string.Intern(versions.First());
            if (response.Headers.TryGetValues("x-pod", out var pods))
                pod = string.Intern(pods.First());
            if (status >= 500)
                error = await response.Content.ReadAsStringAsync(limit.Token);
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
        {
            error = Innermost(e);
        }

        Note(new Sample(start, _clock.Elapsed - start, status, version, pod, connection(), error));
    }

    private void Note(Sample sample)
    {
        if (_samples.Count < MostKept)
            _samples.Enqueue(sample);
        _outcomes.AddOrUpdate(sample.Outcome, 1, (_, count) => count + 1);
        if (sample.Failed)
            Interlocked.Increment(ref _failed);
        Interlocked.Increment(ref _answered);
    }

    private static string Innermost(Exception e) => e.InnerException is { } inner ? Innermost(inner) : $"{e.GetType().Name}: {e.Message}";
}

/// <summary>One request of a load.</summary>
/// <param name="Start">When it was sent, on the load's clock.</param>
/// <param name="Duration">Until its answer was complete.</param>
/// <param name="Status">The status; 0 if there was none.</param>
/// <param name="Version">The version of the application that answered; empty if a proxy did.</param>
/// <param name="Pod">Its pod.</param>
/// <param name="Connection">The caller and the number of connections it had made by then.</param>
/// <param name="Error">What went wrong: the exception, or the body of an answer of 500 or above.</param>
internal readonly record struct Sample(
    TimeSpan Start,
    TimeSpan Duration,
    int Status,
    string Version,
    string Pod,
    int Connection,
    string? Error
)
{
    /// <summary>The status, or what came in its place.</summary>
    public string Outcome => Status == 0 ? Error! : Status.ToString(CultureInfo.InvariantCulture);

    /// <summary>Whether the caller got no answer, or one of 500 or above.</summary>
    public bool Failed => Status is 0 or >= 500;
}

/// <summary>What came of a load.</summary>
/// <param name="Samples">The requests, in the order of their answers.</param>
/// <param name="Total">How many there were.</param>
/// <param name="Failed">How many had no answer, or one of 500 or above.</param>
/// <param name="Outcomes">How many had which status or exception.</param>
internal sealed record LoadResult(IReadOnlyList<Sample> Samples, int Total, int Failed, IReadOnlyDictionary<string, int> Outcomes)
{
    public int Count(HttpStatusCode status) => Outcomes.GetValueOrDefault(((int)status).ToString(CultureInfo.InvariantCulture));

    /// <summary>How many a version answered.</summary>
    public int CountVersion(string version) => Samples.Count(s => s.Version == version);

    /// <summary>The duration that the share of requests did not exceed.</summary>
    public TimeSpan Percentile(double share) =>
        Samples.Count == 0 ? TimeSpan.Zero : Samples.Select(s => s.Duration).Order().ElementAt((int)((Samples.Count - 1) * share));

    /// <summary>What came of requests that were sent from a moment on, and before another.</summary>
    public LoadResult Between(TimeSpan from, TimeSpan to)
    {
        Sample[] some = [.. Samples.Where(s => s.Start >= from && s.Start < to)];
        return new LoadResult(some, some.Length, some.Count(s => s.Failed), some.CountBy(s => s.Outcome).ToDictionary());
    }

    public override string ToString()
    {
        var outcomes = string.Join(", ", Outcomes.OrderByDescending(o => o.Value).Take(6).Select(o => $"{o.Value} x {o.Key}"));
        var failures = string.Join(
            "; ",
            Samples
                .Where(s => s.Failed)
                .Take(5)
                .Select(s => $"at {s.Start.TotalSeconds:0.00} s after {s.Duration.TotalSeconds:0.000} s: {s.Status} {s.Error}")
        );
        var (median, slowest) = (Percentile(0.5).TotalMilliseconds, Percentile(0.99).TotalMilliseconds);
        return $"{Total} requests, {Failed} failed, p50 {median:0.0} ms, p99 {slowest:0.0} ms ({outcomes}) {failures}";
    }
}
