using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MeshOperator.Mesh.Shifts;

/// <summary>How many requests took how long, in buckets as Envoy keeps them: two digits of the milliseconds, so that a bucket is at most a
/// tenth as wide as what it stands for. Immutable.</summary>
[JsonConverter(typeof(Converter))]
public sealed class LatencyHistogram : IEquatable<LatencyHistogram>
{
    private LatencyHistogram(ImmutableSortedDictionary<long, long> buckets, long count) => (Buckets, Count) = (buckets, count);

    /// <summary>No request.</summary>
    public static LatencyHistogram Empty { get; } = new(ImmutableSortedDictionary<long, long>.Empty, 0);

    /// <summary>By the lower end of a bucket, in milliseconds, its requests.</summary>
    public ImmutableSortedDictionary<long, long> Buckets { get; }

    /// <summary>How many requests there are.</summary>
    public long Count { get; }

    /// <summary>A histogram of some buckets.</summary>
    /// <param name="buckets">Milliseconds that lie in a bucket, and its requests.</param>
    public static LatencyHistogram From(IEnumerable<(long Milliseconds, long Requests)> buckets)
    {
        ArgumentNullException.ThrowIfNull(buckets);
        var sums = ImmutableSortedDictionary.CreateBuilder<long, long>();
        foreach (var (milliseconds, requests) in buckets)
        {
            if (requests > 0)
                sums[Floor(milliseconds)] = sums.GetValueOrDefault(Floor(milliseconds)) + requests;
        }

        return sums.Count == 0 ? Empty : new LatencyHistogram(sums.ToImmutable(), sums.Values.Sum());
    }

    /// <summary>How wide the bucket of a number of milliseconds is, in milliseconds.</summary>
    public static long Width(long milliseconds)
    {
        long width = 1;
        while (milliseconds >= 100 * width)
            width *= 10;
        return width;
    }

    /// <summary>With more requests that took so long.</summary>
    public LatencyHistogram Add(long milliseconds, long requests)
    {
        var bucket = Floor(milliseconds);
        return requests <= 0
            ? this
            : new LatencyHistogram(Buckets.SetItem(bucket, Buckets.GetValueOrDefault(bucket) + requests), Count + requests);
    }

    /// <summary>Both together.</summary>
    public static LatencyHistogram operator +(LatencyHistogram a, LatencyHistogram b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        if (a.Count == 0)
            return b;
        return b.Count == 0 ? a : From(a.Pairs.Concat(b.Pairs));
    }

    /// <summary>What came since an earlier state of the same histogram; all of it when that cannot be an earlier state, as after a restart
    /// of who counts.</summary>
    public LatencyHistogram Since(LatencyHistogram before)
    {
        ArgumentNullException.ThrowIfNull(before);
        return before.Buckets.All(bucket => Buckets.GetValueOrDefault(bucket.Key) >= bucket.Value)
            ? From(Pairs.Select(bucket => (bucket.Milliseconds, bucket.Requests - before.Buckets.GetValueOrDefault(bucket.Milliseconds))))
            : this;
    }

    /// <summary>How many requests certainly took so long or longer.</summary>
    public long CountFrom(double milliseconds) => Buckets.Where(bucket => bucket.Key >= milliseconds).Sum(bucket => bucket.Value);

    /// <summary>The time within which a part of the requests were answered, in milliseconds: the upper end of its bucket.</summary>
    /// <param name="part">0 to 1.</param>
    /// <returns>0 without requests.</returns>
    public long Quantile(double part)
    {
        var wanted = Math.Max(1, (long)Math.Ceiling(part * Count));
        long seen = 0;
        foreach (var (lower, requests) in Buckets)
        {
            seen += requests;
            if (seen >= wanted)
                return lower + Width(lower);
        }

        return 0;
    }

    /// <inheritdoc/>
    public bool Equals(LatencyHistogram? other) =>
        ReferenceEquals(this, other) || (other is not null && Count == other.Count && Buckets.SequenceEqual(other.Buckets));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as LatencyHistogram);

    /// <inheritdoc/>
    public override int GetHashCode() => Count.GetHashCode();

    private IEnumerable<(long Milliseconds, long Requests)> Pairs => Buckets.Select(bucket => (bucket.Key, bucket.Value));

    private static long Floor(long milliseconds)
    {
        var bounded = Math.Clamp(milliseconds, 0, (long)TimeSpan.FromDays(1).TotalMilliseconds);
        return bounded - (bounded % Width(bounded));
    }

    /// <summary>Written as an object of buckets.</summary>
    public sealed class Converter : JsonConverter<LatencyHistogram>
    {
        /// <inheritdoc/>
        public override LatencyHistogram Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            From((JsonSerializer.Deserialize(ref reader, BucketsJson.Default.Buckets) ?? []).Select(bucket => (bucket.Key, bucket.Value)));

        /// <inheritdoc/>
        public override void Write(Utf8JsonWriter writer, LatencyHistogram value, JsonSerializerOptions options)
        {
            ArgumentNullException.ThrowIfNull(writer);
            ArgumentNullException.ThrowIfNull(value);
            writer.WriteStartObject();
            foreach (var (milliseconds, requests) in value.Buckets)
                writer.WriteNumber(milliseconds.ToString(CultureInfo.InvariantCulture), requests);
            writer.WriteEndObject();
        }
    }
}

[JsonSerializable(typeof(Dictionary<long, long>), TypeInfoPropertyName = "Buckets")]
internal sealed partial class BucketsJson : JsonSerializerContext;
