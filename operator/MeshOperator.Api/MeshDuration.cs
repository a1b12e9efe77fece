using System.Globalization;
using System.Text.RegularExpressions;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api;

/// <summary>Reads durations as the Gateway API writes them (GEP-2257): up to four pairs of a number and one of h, m, s, ms.</summary>
public static partial class MeshDuration
{
    /// <summary>Reads a duration such as <c>1m30s</c> or <c>250ms</c>.</summary>
    /// <returns>False when it is not of that form.</returns>
    public static bool TryParse(string? text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        if (text is null || !Whole().IsMatch(text))
            return false;
        foreach (var pair in Pairs().EnumerateMatches(text))
        {
            var part = text.AsSpan(pair.Index, pair.Length);
            var digits = part.Length - part.TrimStart("0123456789").Length;
            var number = int.Parse(part[..digits], NumberStyles.None, CultureInfo.InvariantCulture);
            duration += part[digits..] switch
            {
                "h" => TimeSpan.FromHours(number),
                "m" => TimeSpan.FromMinutes(number),
                "s" => TimeSpan.FromSeconds(number),
                _ => TimeSpan.FromMilliseconds(number),
            };
        }

        return true;
    }

    /// <summary>The duration, or null when none is given.</summary>
    /// <exception cref="FormatException">It is given and not of that form.</exception>
    public static TimeSpan? ParseOptional(string? text) => text is null ? null : Parse(text);

    /// <summary>The duration.</summary>
    /// <exception cref="FormatException">It is not of that form.</exception>
    public static TimeSpan Parse(string text) =>
        TryParse(text, out var duration) ? duration : throw new FormatException($"'{text}' {DurationAttribute.Message}");

    [GeneratedRegex(DurationAttribute.Pattern, RegexOptions.CultureInvariant)]
    private static partial Regex Whole();

    [GeneratedRegex("[0-9]{1,5}(ms|h|m|s)", RegexOptions.CultureInvariant)]
    private static partial Regex Pairs();
}
