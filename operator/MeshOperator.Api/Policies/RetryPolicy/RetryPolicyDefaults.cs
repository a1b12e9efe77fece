namespace MeshOperator.Api.Policies;

/// <summary>What a RetryPolicy means where it leaves something out.</summary>
public static class RetryPolicyDefaults
{
    /// <summary>Retries beyond the first attempt.</summary>
    public const int Attempts = 2;

    /// <summary>How much of a body is kept for another attempt: more than an image or an audio clip.</summary>
    public const string MaxRequestBody = "16Mi";

    /// <summary>The first pause before a retry.</summary>
    public const string BackoffBase = "25ms";

    /// <summary>The longest pause is this many times the first one.</summary>
    public const int BackoffMaxFactor = 10;

    /// <summary>Retries in flight, in percent of the requests in flight.</summary>
    public const double BudgetPercent = 20;

    /// <summary>Retries in flight that are always allowed.</summary>
    public const int BudgetMinConcurrency = 25;

    /// <summary>The methods whose requests may be repeated although they may have had an effect (RFC 9110, section 9.2.2).</summary>
    public static readonly IReadOnlyList<string> Methods = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"];

    /// <summary>The budget of a policy that names none.</summary>
    private static readonly RetryBudgetSpec Budget = new();

    private static readonly RetryCondition[] Conditions =
    [
        RetryCondition.ConnectFailure,
        RetryCondition.RefusedStream,
        RetryCondition.Reset,
        RetryCondition.Unavailable,
    ];

    /// <summary>What requests are retried on. A connection that ends before the answer may have carried a request that was begun, which
    /// only some methods may repeat. An attempt that exceeds perTryTimeout is answered by the proxy with status 504; whoever bounds
    /// attempts wants another one.</summary>
    public static IReadOnlyList<RetryCondition> ResolveRetryOn(RetryPolicySpec spec) =>
        spec.RetryOn
        ?? (spec.PerTryTimeout is null ? (IReadOnlyList<RetryCondition>)Conditions : [.. Conditions, RetryCondition.GatewayError]);

    /// <summary>The limit on the retries in flight.</summary>
    public static RetryBudgetSpec ResolveBudget(RetryPolicySpec spec) => spec.Budget ?? Budget;

    /// <summary>The methods whose requests are retried after an answer, each once.</summary>
    public static IReadOnlyList<string> ResolveMethods(RetryPolicySpec spec) =>
        spec.Methods is { } methods ? [.. methods.Distinct().Order(StringComparer.Ordinal)] : Methods;

    /// <summary>The shortest and the longest pause before a retry.</summary>
    public static (TimeSpan Base, TimeSpan Max) ResolveBackoff(RetryPolicySpec spec)
    {
        var first = MeshDuration.Parse(spec.Backoff?.Base ?? BackoffBase);
        return (first, MeshDuration.ParseOptional(spec.Backoff?.Max) ?? BackoffMaxFactor * first);
    }
}
