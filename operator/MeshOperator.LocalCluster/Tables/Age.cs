using System.Globalization;
using MeshOperator.LocalCluster.Schemas;

namespace MeshOperator.LocalCluster.Tables;

/// <summary>Durations as kubectl shows them: 90s, 5m12s, 3h, 12d.</summary>
internal static class Age
{
    public static string Since(string? timestamp, DateTimeOffset now) =>
        Rfc3339.Parse(timestamp) is { } time ? Human(now - time) : "<unknown>";

    public static string Human(TimeSpan span)
    {
        var seconds = (long)span.TotalSeconds;
        if (seconds < -1)
            return "<invalid>";
        if (seconds < 0)
            return "0s";
        if (seconds < 120)
            return Words($"{seconds}s");
        var minutes = seconds / 60;
        if (minutes < 10)
            return Pair(minutes, "m", seconds % 60, "s");
        if (minutes < 180)
            return Words($"{minutes}m");
        var hours = minutes / 60;
        if (hours < 8)
            return Pair(hours, "h", minutes % 60, "m");
        if (hours < 48)
            return Words($"{hours}h");
        var days = hours / 24;
        if (hours < 192)
            return Pair(days, "d", hours % 24, "h");
        if (days < 730)
            return Words($"{days}d");
        return days < 2920 ? Pair(days / 365, "y", days % 365, "d") : Words($"{days / 365}y");
    }

    private static string Pair(long large, string largeUnit, long small, string smallUnit) =>
        small == 0 ? Words($"{large}{largeUnit}") : Words($"{large}{largeUnit}{small}{smallUnit}");

    private static string Words(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
