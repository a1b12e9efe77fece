using System.Collections.Concurrent;

namespace MeshOperator.Authentication;

/// <summary>Bounds how often the API server is asked for clients whose tokens it then refuses: each has a bucket of attempts, of which
/// an accepted token costs nothing.</summary>
internal sealed class AttemptLimiter(TimeProvider time)
{
    private const double Burst = 10;
    private const double PerSecond = 1;

    /// <summary>Beyond these, clients that are new share one bucket: whoever comes under ever new names gains nothing.</summary>
    private const int MostBuckets = 10_000;

    private const string Others = "";
    private static readonly TimeSpan DropEvery = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<string, Bucket> _buckets = new(StringComparer.Ordinal);
    private long _droppedAt = time.GetTimestamp();

    /// <summary>Takes an attempt; null when the client has none left. <see cref="Attempt.Succeeded"/> gives it back.</summary>
    public Attempt? TryTake(string client)
    {
        var bucket = Find(client);
        lock (bucket)
        {
            bucket.Refill(time.GetTimestamp(), time);
            if (bucket.Left < 1)
                return null;
            bucket.Left--;
            return new Attempt(bucket);
        }
    }

    private Bucket Find(string client)
    {
        if (_buckets.TryGetValue(client, out var known))
            return known;
        if (_buckets.Count >= MostBuckets)
            DropFull();
        return _buckets.GetOrAdd(_buckets.Count < MostBuckets ? client : Others, static (_, now) => new Bucket(now), time.GetTimestamp());
    }

    /// <summary>A full bucket says no more than none.</summary>
    private void DropFull()
    {
        var now = time.GetTimestamp();
        if (time.GetElapsedTime(Interlocked.Read(ref _droppedAt), now) < DropEvery)
            return;
        Interlocked.Exchange(ref _droppedAt, now);
        foreach (var (client, bucket) in _buckets)
        {
            lock (bucket)
            {
                bucket.Refill(now, time);
                if (bucket.Left >= Burst)
                    _buckets.TryRemove(client, out _);
            }
        }
    }

    /// <summary>One attempt of a client.</summary>
    internal sealed class Attempt(Bucket bucket)
    {
        public void Succeeded()
        {
            lock (bucket)
                bucket.Left = Math.Min(Burst, bucket.Left + 1);
        }
    }

    /// <summary>The attempts that a client has left.</summary>
    internal sealed class Bucket(long since)
    {
        private long _since = since;

        public double Left { get; set; } = Burst;

        public void Refill(long now, TimeProvider time)
        {
            Left = Math.Min(Burst, Left + (time.GetElapsedTime(_since, now).TotalSeconds * PerSecond));
            _since = now;
        }
    }
}
