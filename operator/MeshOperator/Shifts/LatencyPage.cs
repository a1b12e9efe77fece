using System.Collections.Immutable;
using System.Text.Json;
using MeshOperator.Mesh.Shifts;

namespace MeshOperator.Shifts;

/// <summary>A proxy's histograms as its admin interface writes them: <c>/stats?format=json&amp;histogram_buckets=detailed</c>.</summary>
internal static class LatencyPage
{
    /// <summary>Reads the histograms that are wanted. Nothing in it is trusted: a number is bounded, and what has another form is left
    /// out.</summary>
    /// <param name="page">JSON.</param>
    /// <param name="isWanted">By the histogram's name.</param>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static ImmutableDictionary<string, LatencyHistogram> Parse(ReadOnlyMemory<byte> page, Func<string, bool> isWanted)
    {
        using var document = JsonDocument.Parse(page);
        return Items(document.RootElement, "stats")
            .SelectMany(stat =>
                stat.ValueKind is JsonValueKind.Object && stat.TryGetProperty("histograms", out var all) ? Items(all, "details") : []
            )
            .Where(histogram => histogram.ValueKind is JsonValueKind.Object)
            .Select(histogram =>
                (Name: histogram.TryGetProperty("name", out var name) ? name.ToString() : string.Empty, Buckets: Items(histogram, "totals"))
            )
            .Where(histogram => isWanted(histogram.Name))
            .DistinctBy(histogram => histogram.Name)
            .ToImmutableDictionary(
                histogram => histogram.Name,
                histogram => LatencyHistogram.From(histogram.Buckets.Select(ReadBucket)),
                StringComparer.Ordinal
            );
    }

    private static (long Milliseconds, long Requests) ReadBucket(JsonElement bucket) =>
        ((long)Math.Clamp(Number(bucket, "lower_bound"), 0, uint.MaxValue), (long)Math.Clamp(Number(bucket, "count"), 0, uint.MaxValue));

    private static double Number(JsonElement bucket, string name) =>
        bucket.ValueKind is JsonValueKind.Object
        && bucket.TryGetProperty(name, out var value)
        && value.ValueKind is JsonValueKind.Number
        && value.TryGetDouble(out var number)
            ? number
            : 0;

    private static List<JsonElement> Items(JsonElement element, string name) =>
        element.ValueKind is JsonValueKind.Object && element.TryGetProperty(name, out var items) && items.ValueKind is JsonValueKind.Array
            ? [.. items.EnumerateArray()]
            : [];
}
