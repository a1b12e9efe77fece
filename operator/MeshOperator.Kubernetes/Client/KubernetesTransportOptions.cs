namespace MeshOperator.Kubernetes.Client;

/// <summary>How patient requests to the API server are.</summary>
public sealed record KubernetesTransportOptions
{
    /// <summary>How long one attempt may take; a watch is not bound by it.</summary>
    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often a request that is safe to repeat is sent again.</summary>
    public int MaxRetries { get; init; } = 3;

    /// <summary>The pause before the first repetition; it doubles, with jitter.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>The longest pause before a repetition. Who is asked to wait longer (<c>Retry-After</c>) gets the error with
    /// <see cref="KubernetesApiException.RetryAfter"/> instead.</summary>
    public TimeSpan LongestRetryDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How many requests there must be within <see cref="BreakerWindow"/> before their failures can open the circuit.</summary>
    public int BreakerMinimumRequests { get; init; } = 10;

    /// <summary>The share of failed requests that opens the circuit.</summary>
    public double BreakerFailureRatio { get; init; } = 0.5;

    /// <summary>The time over which failures are counted.</summary>
    public TimeSpan BreakerWindow { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long an open circuit lets nothing through; after it one request tries. Much shorter than the time in which a leader
    /// must renew its lease, so that it can still do so when the server is back.</summary>
    public TimeSpan BreakDuration { get; init; } = TimeSpan.FromSeconds(2);
}
