using MeshOperator.Api.Policies;

namespace MeshOperator.Mesh.Model;

/// <summary>How one of a port's endpoints is chosen for a request.</summary>
/// <param name="Method">The way to choose.</param>
public sealed record BalancingSettings(LoadBalancingMethod Method = LoadBalancingPolicyDefaults.Method)
{
    /// <summary>How an endpoint is chosen where no policy says it.</summary>
    public static BalancingSettings Default { get; } = new();

    /// <summary>What <see cref="LoadBalancingMethod.Hash"/> goes by; null for other methods.</summary>
    public StickySession? Hash { get; init; }

    /// <summary>How an endpoint that was added gets its share; null means at once.</summary>
    public SlowStart? SlowStart { get; init; }

    /// <summary>Below what percentage of endpoints that are not ejected all are used; null means what the bounds of the port
    /// mean.</summary>
    public int? PanicPercent { get; init; }

    /// <summary>How many of the endpoints a caller uses, at least; null means all.</summary>
    public int? EndpointsPerCaller { get; init; }

    /// <summary>How <see cref="LoadBalancingMethod.Utilization"/> reads load reports; null for other methods.</summary>
    public UtilizationReports? Utilization { get; init; }
}

/// <summary>How an endpoint that was added gets its share step by step.</summary>
/// <param name="Window">After what time it has its whole share.</param>
/// <param name="MinWeightPercent">1 to 100 percent of its share with which it begins.</param>
public sealed record SlowStart(TimeSpan Window, int MinWeightPercent);

/// <summary>How load reports are read.</summary>
/// <param name="MetricNames">The metrics of which the highest is the utilization; empty means application_utilization, or else
/// cpu_utilization.</param>
/// <param name="ReportingPeriod">How often a report is asked for out of band; null means that they come with responses.</param>
/// <param name="AsksForReports">Whether servers are asked for reports, and those are taken to be of equal rates of requests.</param>
/// <param name="BlackoutPeriod">How long an endpoint must have reported before its weight counts.</param>
/// <param name="ExpirationPeriod">After what time without a report its weight no longer counts.</param>
public sealed record UtilizationReports(
    ValueList<string> MetricNames,
    TimeSpan? ReportingPeriod,
    bool AsksForReports,
    TimeSpan BlackoutPeriod,
    TimeSpan ExpirationPeriod
);
