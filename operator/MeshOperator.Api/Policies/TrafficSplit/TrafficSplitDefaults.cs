using System.Globalization;

namespace MeshOperator.Api.Policies;

/// <summary>What a TrafficSplit means where it leaves something out.</summary>
public static class TrafficSplitDefaults
{
    /// <summary>A backend's share, relative to the sum of the weights.</summary>
    public const int Weight = 1;

    /// <summary>How many of the requests are mirrored, delayed or aborted, in percent.</summary>
    public const double Percent = 100;

    /// <summary>A missing backend fails its own share of the requests.</summary>
    public const OnMissingBackend OnMissingBackend = Policies.OnMissingBackend.Fail;

    /// <summary>A backend's share, relative to the sum of the weights.</summary>
    public static int ResolveWeight(TrafficSplitBackend backend) => backend.Weight ?? Weight;

    /// <summary>All backends, of a split with rules those of each rule.</summary>
    public static IEnumerable<TrafficSplitBackend> ResolveBackends(TrafficSplitSpec spec) =>
        spec.Backends ?? spec.Rules?.SelectMany(rule => rule.Backends) ?? [];

    /// <summary>A rule's name, or else its place in the list.</summary>
    public static string ResolveName(TrafficSplitRule rule, int index) =>
        rule.Name ?? string.Create(CultureInfo.InvariantCulture, $"rule{index}");

    /// <summary>How many of the requests are delayed, in percent.</summary>
    public static double ResolvePercent(FaultDelay? delay) => delay?.Percent ?? Percent;

    /// <summary>How many of the requests are aborted, in percent.</summary>
    public static double ResolvePercent(FaultAbort? abort) => abort?.Percent ?? Percent;
}
