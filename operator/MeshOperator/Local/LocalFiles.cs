namespace MeshOperator.Local;

/// <summary>The files that a local mesh leaves for clients: absolute paths.</summary>
internal sealed record LocalFiles(string Kubeconfig, string Ca)
{
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
