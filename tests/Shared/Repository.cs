namespace MeshOperator.Testing;

/// <summary>The checkout that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>Its root.</summary>
    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "MeshOperator.sln")))
                return folder;
        }

        throw new DirectoryNotFoundException($"There is no MeshOperator.sln above {AppContext.BaseDirectory}.");
    }
}
