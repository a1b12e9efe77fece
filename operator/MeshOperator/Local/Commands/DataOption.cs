using System.CommandLine;

namespace MeshOperator.Local.Commands;

/// <summary>The option for the folder of a local mesh.</summary>
internal static class DataOption
{
    /// <summary>Makes the option.</summary>
    public static Option<DirectoryInfo> Create() =>
        new("--data")
        {
            Description = "The folder of the mesh's kubeconfig, ca.crt and files of pods.",
            DefaultValueFactory = _ => new DirectoryInfo(".meshop"),
        };
}
