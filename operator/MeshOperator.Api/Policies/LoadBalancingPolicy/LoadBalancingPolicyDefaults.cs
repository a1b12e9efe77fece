namespace MeshOperator.Api.Policies;

/// <summary>What a LoadBalancingPolicy means where it leaves something out.</summary>
public static class LoadBalancingPolicyDefaults
{
    /// <summary>How an endpoint is chosen.</summary>
    public const LoadBalancingMethod Method = LoadBalancingMethod.LeastRequest;

    /// <summary>With what part of its share an endpoint begins, in percent.</summary>
    public const int MinWeightPercent = 10;

    /// <summary>The fewest endpoints that a caller can use: with one, it would have none when that one is gone.</summary>
    public const int MinEndpointsPerCaller = 2;

    /// <summary>The most endpoints that a caller can be bounded to.</summary>
    public const int MaxEndpointsPerCaller = 1000;

    /// <summary>How long an endpoint must have reported before its weight counts.</summary>
    public const string BlackoutPeriod = "10s";

    /// <summary>After what time without a report an endpoint's weight no longer counts.</summary>
    public const string ExpirationPeriod = "3m";

    /// <summary>How reports are read where nothing is said of it.</summary>
    public static UtilizationSpec ResolveUtilization(LoadBalancingPolicySpec spec) => spec.Utilization ?? new UtilizationSpec();

    /// <summary>The metrics that are the utilization; none means application_utilization, or else cpu_utilization.</summary>
    public static IReadOnlyList<string> ResolveMetricNames(UtilizationSpec spec) => spec.MetricNames ?? [];
}
