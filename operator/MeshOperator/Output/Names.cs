namespace MeshOperator.Output;

/// <summary>Names of objects in messages.</summary>
internal static class Names
{
    private const int Most = 5;

    /// <summary>The first names, and how many more there are.</summary>
    public static string Join(IReadOnlyCollection<string> names) =>
        names.Count <= Most
            ? string.Join(", ", names.Order(StringComparer.Ordinal))
            : $"{string.Join(", ", names.Order(StringComparer.Ordinal).Take(Most))} and {names.Count - Most} more";
}
