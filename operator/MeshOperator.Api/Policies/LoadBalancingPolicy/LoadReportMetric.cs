using System.Text.RegularExpressions;

namespace MeshOperator.Api.Policies;

/// <summary>Names of metrics in load reports (ORCA).</summary>
internal static partial class LoadReportMetric
{
    /// <summary>The forms that a name can have.</summary>
    public const string Forms =
        "use named_metrics.NAME, utilization.NAME, cpu_utilization, mem_utilization or application_utilization; NAME can be * for all";

    /// <summary>Whether proxies know a metric of the name. Of one that they do not know they would say nothing.</summary>
    public static bool IsKnown(string name) => Known().IsMatch(name);

    [GeneratedRegex(
        @"^(cpu_utilization|mem_utilization|application_utilization|(named_metrics|utilization)\.\S{1,200})\z",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex Known();
}
