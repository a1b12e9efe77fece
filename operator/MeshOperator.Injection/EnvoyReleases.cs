using System.Globalization;
using System.Text.RegularExpressions;

namespace MeshOperator.Injection;

/// <summary>The releases of Envoy that sidecars can be. Envoy makes a branch each quarter and mends it for a year.</summary>
public static partial class EnvoyReleases
{
    /// <summary>The image of sidecars, unless somebody chooses another.</summary>
    public const string DefaultImage = "docker.io/envoyproxy/envoy:v1.40.0";

    /// <summary>The oldest branch 1.x that is configured as it should be.</summary>
    public const int OldestBranch = 34;

    /// <summary>When the youngest ended branches ended, and when the others will: see Envoy's RELEASES.md. Extended with each new
    /// branch.</summary>
    private static readonly (int Branch, DateOnly Ends)[] Ends =
    [
        (36, new DateOnly(2026, 10, 31)),
        (37, new DateOnly(2027, 1, 31)),
        (38, new DateOnly(2027, 4, 30)),
        (39, new DateOnly(2027, 7, 31)),
        (40, new DateOnly(2027, 10, 31)),
    ];

    /// <summary>The branch of an image of Envoy by its tag, the x of 1.x; null when it does not say.</summary>
    public static int? FindBranch(string image) =>
        EnvoyTag().Match(image) is { Success: true } match ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : null;

    /// <summary>Whether a branch is no longer mended.</summary>
    public static bool HasEnded(int branch, DateOnly today) =>
        branch < Ends[0].Branch || Array.Exists(Ends, end => end.Branch == branch && today > end.Ends);

    /// <summary>The name of the image without registry and folders begins with <c>envoy</c>: <c>envoy:v1.40.0</c>,
    /// <c>envoy:distroless-v1.40-latest@sha256:…</c>.</summary>
    [GeneratedRegex(@"(?:^|/)envoy[a-z0-9._-]*:(?:[a-z]+-)*v1\.([0-9]{1,3})(?:[^0-9]|$)")]
    private static partial Regex EnvoyTag();
}
