using System.CommandLine;
using MeshOperator.Commands;

var root = new RootCommand("MeshOperator: a service mesh that is one Kubernetes operator.")
{
    RunCommand.Create(),
    GenerateCommand.Create(),
};
return await root.Parse(args).InvokeAsync();
