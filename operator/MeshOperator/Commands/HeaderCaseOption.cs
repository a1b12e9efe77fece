using System.CommandLine;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Commands;

/// <summary>The command line's option for how proxies write names of headers.</summary>
internal static class HeaderCaseOption
{
    public static Option<HeaderCase> Create() =>
        new("--header-case")
        {
            Description =
                "How proxies write the names of headers over HTTP/1.1: Preserve (as the application wrote them, and the text after the "
                + "status too) or Lower (in lower case, which costs the proxies less).",
            DefaultValueFactory = _ => HeaderCase.Preserve,
        };
}
