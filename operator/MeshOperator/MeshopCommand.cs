using System.CommandLine;
using MeshOperator.Commands;
#if LOCAL_MESH
using MeshOperator.Local.Commands;
#endif

namespace MeshOperator;

/// <summary>The command line: <c>meshop</c> with all its commands.</summary>
internal static class MeshopCommand
{
    public static RootCommand Create() =>
        new("MeshOperator: a service mesh that ships as a single Kubernetes operator.")
        {
#if LOCAL_MESH
            LocalCommand.Create(),
#endif
            RunCommand.Create(),
            CaCommand.Create(),
            ShiftCommandLine.Create(),
            InjectCommand.Create(),
            CheckCommand.Create(),
            CheckInjectCommand.Create(),
            CheckWebhooksCommand.Create(),
            GenerateCommand.Create(),
        };
}
