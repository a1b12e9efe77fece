using System.CommandLine;
using MeshOperator.Commands;

// Streams are drained and the lease is given back before the process ends.
return await MeshopCommand.Create().Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(15) });
