namespace MeshOperator.Testing;

/// <summary>Our own program as it was built with the tests.</summary>
internal static class BuiltProgram
{
    /// <summary>What runs <c>meshop</c>: a program and its first argument.</summary>
    public static string[] Meshop =>
        [
            Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet",
            Path.Combine(AppContext.BaseDirectory, "meshop.dll"),
        ];
}
