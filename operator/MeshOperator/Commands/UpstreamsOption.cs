using System.CommandLine;
using MeshOperator.Settings;

namespace MeshOperator.Commands;

/// <summary>The command line's option of what proxies are told of the mesh.</summary>
internal static class UpstreamsOption
{
    public static Option<DefaultUpstreams> Create() => new("--default-upstreams")
    {
        Description = "Of which services proxies are told without an annotation meshoperator.io/upstreams: Mesh (all) or Namespace (their own).",
        DefaultValueFactory = _ => DefaultUpstreams.Mesh,
    };
}
