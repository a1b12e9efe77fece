namespace MeshOperator.Kubernetes.Informers;

/// <summary>Compares resource versions. Kubernetes promises that those of one resource are whole numbers that grow (KEP-5504); what is
/// something else is only compared for equality.</summary>
public static class ResourceVersion
{
    /// <summary>Whether <paramref name="version"/> is certainly older than <paramref name="than"/>.</summary>
    public static bool IsOlder(string? version, string? than) => Parse(version) is { } a && Parse(than) is { } b && a < b;

    /// <summary>Whether <paramref name="version"/> is certainly older than <paramref name="than"/>, or the same.</summary>
    public static bool IsSameOrOlder(string? version, string? than) =>
        (version is not null && version == than) || (Parse(version) is { } a && Parse(than) is { } b && a <= b);

    private static ulong? Parse(string? version) =>
        ulong.TryParse(version, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
