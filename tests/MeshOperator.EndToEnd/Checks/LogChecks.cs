using System.Text.RegularExpressions;

namespace MeshOperator.EndToEnd.Checks;

/// <summary>What programs have logged that they should not.</summary>
internal static partial class LogChecks
{
    /// <summary>Lines of level warning or worse in the log of a proxy that are not expected.</summary>
    public static IEnumerable<string> Unexpected(IEnumerable<string> log, IReadOnlyList<ExpectedWarning> expected) =>
        log.Where(line => Severe().IsMatch(line) && !ExpectedWarning.Always.Concat(expected).Any(e => e.Line.IsMatch(line)));

    /// <summary>Rejections by proxies of a namespace in the operator's log. A proxy is called <c>pod.namespace</c>.</summary>
    public static IEnumerable<string> Rejections(IEnumerable<string> log, string ns) =>
        log.Where(line =>
            line.Contains(" rejected ", StringComparison.Ordinal)
            && (line.Contains($".{ns}\"", StringComparison.Ordinal) || line.Contains($".{ns} ", StringComparison.Ordinal))
        );

    [GeneratedRegex(@"^\[[^\]]*\]\[\d+\]\[(warning|error|critical)\]")]
    private static partial Regex Severe();
}
