using System.CommandLine;
using MeshOperator.Commands;
#if LOCAL_MESH
using MeshOperator.Local.Commands;
#endif

namespace MeshOperator;

/// <summary>The command line: <c>meshop</c> with all its commands.</summary>
internal static class MeshopCommand
{
    /// <summary>Runs what the arguments say.</summary>
    /// <param name="arguments">The command and its options.</param>
    /// <param name="configuration">Where output goes.</param>
    /// <returns>The exit status: 0 when it worked, 1 when not.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, InvocationConfiguration configuration)
    {
        var parsed = Create().Parse(arguments);
        if (parsed.Errors.Count == 0)
            return await parsed.InvokeAsync(configuration);
        // What is wrong is said by the library, which names types of .NET.
        var output = configuration.Error;
        using var error = new StringWriter();
        configuration.Error = error;
        var status = await parsed.InvokeAsync(configuration);
        await output.WriteAsync(ValueProblem.Reword(error.ToString()));
        return status;
    }

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
            UninstallCommand.Create(),
#if LOCAL_MESH
            GenerateCommand.Create(),
#endif
        };
}
