using System.CommandLine;
using MeshOperator;

// Streams are drained and the lease is given back before the process ends.
var configuration = new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(15) };
return await MeshopCommand.RunAsync(args, configuration);
