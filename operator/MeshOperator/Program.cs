using System.CommandLine;
using MeshOperator.Commands;

var root = new RootCommand("MeshOperator: a service mesh that is one Kubernetes operator.")
{
    LocalCommand.Create(),
    RunCommand.Create(),
    CaCommand.Create(),
    InjectCommand.Create(),
    CheckInjectCommand.Create(),
    GenerateCommand.Create(),
};
// Streams are drained and the lease is given back before the process ends.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(15) });
