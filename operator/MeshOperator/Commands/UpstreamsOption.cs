using System.CommandLine;
using MeshOperator.Settings;

namespace MeshOperator.Commands;

/// <summary>The command line's option for which configuration is sent to proxies.</summary>
internal static class UpstreamsOption
{
    public static Option<DefaultUpstreams> Create() =>
        new("--default-upstreams")
        {
            Description =
                "The services whose configuration is sent to proxies without the annotation meshoperator.io/upstreams: Mesh (all) or "
                + "Namespace (those of their own namespace).",
            DefaultValueFactory = _ => DefaultUpstreams.Mesh,
        };
}
