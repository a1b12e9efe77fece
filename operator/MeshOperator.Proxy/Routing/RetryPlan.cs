using Envoy.Config.Route.V3;
using Envoy.Extensions.Retry.Priority.PreviousPriorities.V3;
using MeshOperator.Proxy.Matching;
using MeshOperator.Proxy.Resources;
using Format = Envoy.Config.Route.V3.RetryPolicy.Types.ResetHeaderFormat;

namespace MeshOperator.Proxy.Routing;

/// <summary>How an attempt ended.</summary>
internal enum AttemptFailure
{
    /// <summary>There is a response.</summary>
    None,

    /// <summary>The cluster has no endpoint.</summary>
    NoEndpoint,

    /// <summary>No connection came about.</summary>
    Connect,

    /// <summary>The server refused the stream, so that the request was not begun.</summary>
    RefusedStream,

    /// <summary>The connection ended before a response.</summary>
    Reset,

    /// <summary>The attempt took too long.</summary>
    PerTryTimeout,

    /// <summary>The endpoint, or its cluster, has as much to do as it may have.</summary>
    Overflow,
}

/// <summary>When requests are retried, how often and after what pauses.</summary>
internal sealed record RetryPlan
{
    private const int DefaultRetries = 1;
    private static readonly TimeSpan DefaultBase = TimeSpan.FromMilliseconds(25);
    private static readonly Dictionary<string, int> GrpcConditions = new(StringComparer.Ordinal)
    {
        ["cancelled"] = 1,
        ["deadline-exceeded"] = 4,
        ["resource-exhausted"] = 8,
        ["internal"] = 13,
        ["unavailable"] = 14,
    };

    private static readonly HashSet<string> Conditions = new(StringComparer.Ordinal)
    {
        "5xx",
        "gateway-error",
        "reset",
        "reset-before-request",
        "connect-failure",
        "refused-stream",
        "retriable-4xx",
        "retriable-status-codes",
        "retriable-headers",
    };

    private readonly HashSet<string> _on;
    private readonly HashSet<int> _grpc;
    private readonly HashSet<int> _statuses;
    private readonly IReadOnlyList<HeaderMatch> _headers;
    private readonly TimeSpan _base;
    private readonly TimeSpan _longest;
    private readonly RetryPolicy.Types.RateLimitedRetryBackOff? _byServer;

    private RetryPlan(RetryPolicy policy)
    {
        var words = policy.RetryOn.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        foreach (var word in words.Where(word => !Conditions.Contains(word) && !GrpcConditions.ContainsKey(word)))
            throw new ArgumentException($"the built-in proxy does not support retry_on {word}");
        _on = [.. words.Where(Conditions.Contains)];
        _grpc = [.. words.Where(GrpcConditions.ContainsKey).Select(word => GrpcConditions[word])];
        _statuses = [.. policy.RetriableStatusCodes.Select(code => (int)code)];
        _headers = [.. policy.RetriableHeaders.Select(HeaderMatch.Create)];
        _base = policy.RetryBackOff?.BaseInterval?.ToTimeSpan() ?? DefaultBase;
        _longest = policy.RetryBackOff?.MaxInterval?.ToTimeSpan() ?? (_base * 10);
        _byServer = policy.RateLimitedRetryBackOff;
        Retries = (int)(policy.NumRetries ?? DefaultRetries);
        PerTryTimeout = policy.PerTryTimeout?.ToTimeSpan() is { } time && time > TimeSpan.Zero ? time : null;
        AvoidsPreviousHosts = policy.RetryHostPredicate.Count > 0;
        AttemptsAtGroup = policy.RetryPriority is { TypedConfig: { } config }
            ? ((PreviousPrioritiesConfig)ResourceReader.Unpack(config)).UpdateFrequency
            : null;
        HostSelections = (int)Math.Max(1, policy.HostSelectionRetryMaxAttempts);
    }

    /// <summary>How many retries there are at most.</summary>
    public int Retries { get; }

    /// <summary>How long an attempt may take to its response; null for ever.</summary>
    public TimeSpan? PerTryTimeout { get; }

    /// <summary>Whether endpoints that were tried are avoided.</summary>
    public bool AvoidsPreviousHosts { get; }

    /// <summary>After how many attempts a request goes to the next group of endpoints; null for never.</summary>
    public int? AttemptsAtGroup { get; }

    /// <summary>How often an endpoint is chosen again when it was tried.</summary>
    public int HostSelections { get; }

    /// <summary>Makes a plan.</summary>
    /// <exception cref="ArgumentException">A condition is not known.</exception>
    public static RetryPlan Create(RetryPolicy policy) => new(policy);

    /// <summary>Whether a failed attempt is retried.</summary>
    public bool RetriesOn(AttemptFailure failure) =>
        failure switch
        {
            AttemptFailure.Connect => Has("connect-failure")
                || Has("reset")
                || Has("5xx")
                || Has("gateway-error")
                || Has("reset-before-request"),
            AttemptFailure.RefusedStream => Has("refused-stream") || Has("reset") || Has("5xx"),
            AttemptFailure.Reset => Has("reset") || Has("5xx") || Has("gateway-error"),
            AttemptFailure.PerTryTimeout => Has("reset") || Has("5xx") || Has("gateway-error"),
            AttemptFailure.Overflow => Has("reset") || Has("5xx"),
            _ => false,
        };

    /// <summary>Whether a response is retried.</summary>
    /// <param name="status">Its status.</param>
    /// <param name="header">Gives the value of one of its headers, or null.</param>
    public bool RetriesOn(int status, Func<string, string?> header) =>
        (Has("5xx") && status >= 500)
        || (Has("gateway-error") && status is >= 502 and <= 504)
        || (Has("retriable-4xx") && status == 409)
        || (Has("retriable-status-codes") && _statuses.Contains(status))
        || (Has("retriable-headers") && _headers.Any(condition => condition.IsMatch(header)))
        || (_grpc.Count > 0 && int.TryParse(header("grpc-status"), out var code) && _grpc.Contains(code));

    /// <summary>The pause before a retry.</summary>
    /// <param name="retry">The number of the retry, from 1.</param>
    /// <param name="header">Gives the value of a header of the response that is retried, or null.</param>
    /// <param name="now">The present time.</param>
    public TimeSpan Pause(int retry, Func<string, string?>? header, DateTimeOffset now)
    {
        if (header is not null && ByServer(header, now) is { } time)
            return time * (1 + (Dice.Fraction() / 2));
        var longest = Math.Min(_base.TotalMilliseconds * (Math.Pow(2, Math.Min(retry, 30)) - 1), _longest.TotalMilliseconds);
        return TimeSpan.FromMilliseconds(Dice.Fraction() * longest);
    }

    private TimeSpan? ByServer(Func<string, string?> header, DateTimeOffset now)
    {
        if (_byServer is null)
            return null;
        var longest = _byServer.MaxInterval?.ToTimeSpan() ?? TimeSpan.FromMinutes(5);
        foreach (var named in _byServer.ResetHeaders)
        {
            if (!long.TryParse(header(named.Name), out var number) || number <= 0)
                continue;
            var time =
                named.Format is Format.UnixTimestamp ? DateTimeOffset.FromUnixTimeSeconds(number) - now : TimeSpan.FromSeconds(number);
            if (time > TimeSpan.Zero && time <= longest)
                return time;
        }

        return null;
    }

    private bool Has(string condition) => _on.Contains(condition);
}
