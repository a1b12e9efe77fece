namespace MeshOperator.Api.Policies;

/// <summary>What a RateLimit means where it leaves something out.</summary>
public static class RateLimitDefaults
{
    /// <summary>The unit of time in which requests are counted.</summary>
    public const RateLimitUnit Unit = RateLimitUnit.Second;

    /// <summary>What limits are for.</summary>
    public const RateLimitScope Scope = RateLimitScope.Proxy;

    /// <summary>Requests that wait for the application.</summary>
    public const int Waiting = 100;

    /// <summary>As how many requests one counts.</summary>
    public const int Cost = 1;

    /// <summary>The limits; none when there is only a queue.</summary>
    public static IReadOnlyList<RequestLimit> ResolveLimits(RateLimitSpec spec) => spec.Limits ?? [];

    /// <summary>How many requests may come at once: as many as in a unit of time.</summary>
    public static int ResolveBurst(RequestLimit limit) => limit.Burst ?? limit.Requests;
}
