using System.Text.Json.Nodes;

namespace MeshOperator.Local;

/// <summary>The files that a local mesh leaves for clients: absolute paths.</summary>
internal sealed record LocalFiles(string Kubeconfig, string Ca)
{
    private const string StatusFile = "local.json";

    /// <summary>Writes where the mesh reports its state, for <c>meshop local status</c>.</summary>
    public static void WriteStatusAddress(DirectoryInfo folder, Uri address) =>
        File.WriteAllText(Path.Combine(folder.FullName, StatusFile), new JsonObject { ["status"] = address.ToString() }.ToJsonString());

    /// <summary>Says that no mesh runs.</summary>
    public static void RemoveStatusAddress(DirectoryInfo folder) => File.Delete(Path.Combine(folder.FullName, StatusFile));

    /// <summary>Where a mesh reports its state.</summary>
    /// <exception cref="IOException">No mesh runs with this folder.</exception>
    public static Uri ReadStatusAddress(DirectoryInfo folder)
    {
        var path = Path.Combine(folder.FullName, StatusFile);
        if (!File.Exists(path) || (string?)JsonNode.Parse(File.ReadAllText(path))?["status"] is not { } address)
            throw new IOException(
                $"{path}: no local mesh runs with this folder; start one with meshop local, or name its folder with --data"
            );
        return new Uri(address);
    }

    /// <summary>Writes the files, the kubeconfig for its owner only, as it holds an administrator's token.</summary>
    public static LocalFiles Write(DirectoryInfo folder, string kubeconfig, string ca)
    {
        folder.Create();
        var files = new LocalFiles(Path.Combine(folder.FullName, "kubeconfig"), Path.Combine(folder.FullName, "ca.crt"));
        // A file that is there keeps its mode, so it must go first.
        File.Delete(files.Kubeconfig);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var writer = new StreamWriter(files.Kubeconfig, options))
            writer.Write(kubeconfig);
        File.WriteAllText(files.Ca, ca);
        return files;
    }
}
