namespace MeshOperator.Testing;

/// <summary>The checkout that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>Its root.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>All C# files, as paths below the root; not those that a build generates.</summary>
    public static IEnumerable<string> SourceFiles() =>
        new[] { "operator", "tests" }
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(Root, file).Replace(Path.DirectorySeparatorChar, '/'))
            .Where(file => !file.Split('/').Any(part => part is "bin" or "obj" or "node_modules"));

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
