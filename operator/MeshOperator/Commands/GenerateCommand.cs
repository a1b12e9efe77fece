using System.CommandLine;
using MeshOperator.Generation;

namespace MeshOperator.Commands;

/// <summary><c>meshop generate</c>: writes the files that are made of the program, or lists those that are out of date.</summary>
internal static class GenerateCommand
{
    public static Command Create()
    {
        var check = new Option<bool>("--check")
        {
            Description = "Write nothing. List the files that are out of date, and fail if there are any.",
        };
        var root = new Option<DirectoryInfo?>("--root")
        {
            Description = "The root of the repository; by default the nearest folder above with MeshOperator.sln.",
        };
        const string description =
            "Write the files that are generated from the program: the CRDs, the chart's roles and the reference pages.";
        var command = new Command("generate", description) { check, root };
        command.SetAction(parsed =>
            Run(parsed.GetValue(root), parsed.GetValue(check), parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error)
        );
        return command;
    }

    private static int Run(DirectoryInfo? root, bool check, TextWriter output, TextWriter error)
    {
        root ??= FindRoot();
        if (root is null)
        {
            error.WriteLine(
                "meshop generate: neither this folder nor one above it has MeshOperator.sln; set --root to the root of the repository."
            );
            return 1;
        }

        var stale = 0;
        foreach (var (path, content) in GeneratedFiles.All(root, MeshopCommand.Create()))
        {
            var file = Path.Combine(root.FullName, path);
            if (File.Exists(file) && File.ReadAllText(file) == content)
                continue;
            stale++;
            if (check)
            {
                error.WriteLine($"{path} is out of date; run `meshop generate`.");
                continue;
            }

            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, content);
            output.WriteLine($"wrote {path}");
        }

        if (stale == 0)
            output.WriteLine("All generated files are current.");
        return check && stale > 0 ? 1 : 0;
    }

    private static DirectoryInfo? FindRoot()
    {
        for (var folder = new DirectoryInfo(Directory.GetCurrentDirectory()); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "MeshOperator.sln")))
                return folder;
        }

        return null;
    }
}
