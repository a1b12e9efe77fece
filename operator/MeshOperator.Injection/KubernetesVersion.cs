using System.Globalization;

namespace MeshOperator.Injection;

/// <summary>The version of an API server.</summary>
/// <param name="Major">1.</param>
/// <param name="Minor">For example 33.</param>
public readonly record struct KubernetesVersion(int Major, int Minor) : IComparable<KubernetesVersion>
{
    /// <summary>The first with native sidecars that nobody has to switch on.</summary>
    public static KubernetesVersion NativeSidecars { get; } = new(1, 29);

    /// <summary>The first with the lifecycle action <c>sleep</c> that nobody has to switch on.</summary>
    public static KubernetesVersion SleepAction { get; } = new(1, 30);

    /// <summary>Reads <c>1.33</c>, <c>v1.33.2</c> and what else vendors make of it (<c>1.29+</c>); null when it is no version.</summary>
    public static KubernetesVersion? Parse(string? text)
    {
        var parts = (text ?? string.Empty).TrimStart('v').Split('.');
        return parts.Length >= 2 && Number(parts[0]) is { } major && Number(parts[1]) is { } minor
            ? new KubernetesVersion(major, minor)
            : null;
    }

    /// <inheritdoc/>
    public int CompareTo(KubernetesVersion other) => (Major, Minor).CompareTo((other.Major, other.Minor));

    /// <summary>Whether one is older.</summary>
    public static bool operator <(KubernetesVersion left, KubernetesVersion right) => left.CompareTo(right) < 0;

    /// <summary>Whether one is newer.</summary>
    public static bool operator >(KubernetesVersion left, KubernetesVersion right) => left.CompareTo(right) > 0;

    /// <summary>Whether one is not newer.</summary>
    public static bool operator <=(KubernetesVersion left, KubernetesVersion right) => left.CompareTo(right) <= 0;

    /// <summary>Whether one is not older.</summary>
    public static bool operator >=(KubernetesVersion left, KubernetesVersion right) => left.CompareTo(right) >= 0;

    private static int? Number(string text)
    {
        var digits = text.TakeWhile(char.IsAsciiDigit).Count();
        return int.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
    }
}
