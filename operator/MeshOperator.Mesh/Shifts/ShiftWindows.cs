using System.Globalization;
using Cronos;
using MeshOperator.Api;
using MeshOperator.Api.Policies;

namespace MeshOperator.Mesh.Shifts;

/// <summary>Finds out whether steps may begin.</summary>
public static class ShiftWindows
{
    /// <summary>Why no step may begin now; null when one may.</summary>
    public static string? FindBlock(IReadOnlyCollection<ShiftWindow> windows, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(windows);
        if (windows.Count == 0 || windows.Any(window => IsOpen(window, now)))
            return null;
        var next = windows.Select(window => Parse(window).GetNextOccurrence(now, Zone(window))).Where(time => time is not null).Min();
        return next is { } time
            ? string.Create(CultureInfo.InvariantCulture, $"no window is open before {time.UtcDateTime:yyyy-MM-dd HH:mm} UTC")
            : "no window ever opens";
    }

    private static bool IsOpen(ShiftWindow window, DateTimeOffset now) =>
        Parse(window)
            .GetOccurrences(now - MeshDuration.Parse(window.Duration), now, Zone(window), fromInclusive: false, toInclusive: true)
            .Any();

    private static CronExpression Parse(ShiftWindow window) => CronExpression.Parse(window.Cron);

    private static TimeZoneInfo Zone(ShiftWindow window) => TimeZoneInfo.FindSystemTimeZoneById(window.TimeZone);
}
