namespace MeshOperator.Api.Policies;

/// <summary>What a CircuitBreaker means where it leaves something out.</summary>
public static class CircuitBreakerDefaults
{
    /// <summary>How often endpoints are examined.</summary>
    public const string Interval = "10s";

    /// <summary>How long an endpoint is ejected the first time.</summary>
    public const string BaseEjectionTime = "30s";

    /// <summary>How many of the endpoints may be ejected at once, in percent.</summary>
    public const int MaxEjectionPercent = 50;

    /// <summary>Errors in a row that eject an endpoint, where neither kind of error is named.</summary>
    public const int Consecutive5xx = 5;

    /// <summary>How many 5xx in a row eject an endpoint; 0 means that they do not count.</summary>
    public static int Resolve5xx(OutlierDetectionSpec spec) =>
        spec.Consecutive5xx ?? (spec.ConsecutiveGatewayErrors > 0 ? 0 : Consecutive5xx);
}
