using System.Globalization;

namespace MeshOperator.LocalCluster.Schemas;

/// <summary>Timestamps as Kubernetes writes them.</summary>
internal static class Rfc3339
{
    /// <summary>metav1.Time: whole seconds.</summary>
    public static string Seconds(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>metav1.MicroTime.</summary>
    public static string Micros(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    public static bool IsValid(string text) => Parse(text) is not null;

    public static DateTimeOffset? Parse(string? text) =>
        text is { Length: >= 20 }
        && text[10] is 'T' or 't'
        && DateTimeOffset.TryParse(
            text,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out var time
        )
            ? time
            : null;
}
