using System.Text.RegularExpressions;

namespace MeshOperator.EndToEnd.Checks;

/// <summary>A line of level warning or worse that a proxy may log.</summary>
/// <param name="Line">The line.</param>
/// <param name="Reason">Why it is no sign of something wrong.</param>
internal sealed record ExpectedWarning(Regex Line, string Reason)
{
    /// <summary>What any proxy may log at any time. A scenario expects others besides by <see cref="Scenario.Expect"/>.</summary>
    public static IReadOnlyList<ExpectedWarning> Always { get; } =
    [
        Create(
            "gRPC config stream( to .*)? closed",
            "the operator ended, or the network to it: the proxy goes on with what it has, and connects again"
        ),
        Create("caught ENVOY_SIGTERM", "the pod ended, and its proxy was asked to"),
    ];

    public static ExpectedWarning Create(string pattern, string reason) => new(new Regex(pattern, RegexOptions.CultureInvariant), reason);
}
