using Envoy.Config.Route.V3;
using Envoy.Extensions.Retry.Host.PreviousHosts.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;
using RetryPolicy = Envoy.Config.Route.V3.RetryPolicy;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>Makes retry policies.</summary>
internal static class RetryBuilder
{
    private const string RetriableStatusCodes = "retriable-status-codes";

    /// <summary>How often a host is drawn again when it was tried before.</summary>
    private const int HostSelections = 5;

    /// <summary>A <c>Retry-After</c> beyond this is not waited for.</summary>
    private static readonly TimeSpan LongestRetryAfter = TimeSpan.FromSeconds(60);

    /// <summary>A policy that retries nothing and bounds the time to an answer's first byte; null without a bound. Envoy takes the timeout
    /// of an attempt for that: it no longer looks at it once the answer has begun.</summary>
    public static RetryPolicy? FirstByteOnly(TimeSpan? firstByte) =>
        firstByte is { } timeout && timeout > TimeSpan.Zero ? new RetryPolicy { PerTryTimeout = EnvoyMessages.Duration(timeout) } : null;

    /// <summary>The policy where there is none of a user: a full queue is the client's to hear of, at once.</summary>
    public static RetryPolicy WithoutPolicy(MeshServicePort port, TimeSpan? firstByte)
    {
        var policy = Policy(RetrySettings.WithoutPolicy, firstByte, byResponse: false)!;
        policy.RetriableHeaders.Clear();
        policy.RetriableHeaders.Add(NotSent.UnreachedMatcher);
        if (port.NodeAddress is null)
            return policy;
        policy.NumRetries++;
        policy.RetryPriority = ServiceAddress.LastAttempt;
        return policy;
    }

    /// <summary>The policy; null when nothing is left to retry on or to bound.</summary>
    /// <param name="retry">The settings.</param>
    /// <param name="firstByte">How long each attempt may take to the answer's first byte, whatever the settings say; null means no
    /// bound.</param>
    /// <param name="byResponse">Whether requests are retried on what the server answered, not only on failed connections.</param>
    public static RetryPolicy? Policy(RetrySettings retry, TimeSpan? firstByte, bool byResponse)
    {
        List<string> conditions = [.. ToWords(retry.ConnectionTriggers)];
        var isConnectFailure = retry.ConnectionTriggers.Contains(RetryTrigger.ConnectFailure);
        if (isConnectFailure)
            conditions.Add(NotSent.RetryOn);
        if (byResponse)
        {
            conditions.AddRange(ToWords(retry.ResponseTriggers));
            if (retry.StatusCodes.Count > 0)
                conditions.Add(RetriableStatusCodes);
        }

        if (conditions.Count == 0)
            return FirstByteOnly(Shorter(retry.PerTryTimeout, firstByte));
        var policy = new RetryPolicy
        {
            RetryOn = string.Join(',', conditions.Distinct()),
            NumRetries = (uint)retry.Attempts,
            RetryBackOff = BackOff(retry.BackoffBase, retry.BackoffMax),
        };
        if (byResponse)
            policy.RetriableStatusCodes.AddRange(retry.StatusCodes.Select(code => (uint)code));
        if (isConnectFailure)
            policy.RetriableHeaders.Add(NotSent.Matcher);
        if (Shorter(retry.PerTryTimeout, firstByte) is { } timeout)
            policy.PerTryTimeout = EnvoyMessages.Duration(timeout);
        if (retry.RespectRetryAfter)
        {
            policy.RateLimitedRetryBackOff = new RetryPolicy.Types.RateLimitedRetryBackOff
            {
                ResetHeaders =
                {
                    new RetryPolicy.Types.ResetHeader { Name = "Retry-After", Format = RetryPolicy.Types.ResetHeaderFormat.Seconds },
                },
                MaxInterval = EnvoyMessages.Duration(LongestRetryAfter),
            };
        }

        if (retry.AvoidPreviousHosts)
        {
            policy.HostSelectionRetryMaxAttempts = HostSelections;
            policy.RetryHostPredicate.Add(
                new RetryPolicy.Types.RetryHostPredicate
                {
                    Name = "envoy.retry_host_predicates.previous_hosts",
                    TypedConfig = EnvoyMessages.Pack(new PreviousHostsPredicate()),
                }
            );
        }

        return policy;
    }

    /// <summary>Envoy's names, from its documentation of <c>x-envoy-retry-on</c> and <c>x-envoy-retry-grpc-on</c>.</summary>
    public static string ToWord(RetryTrigger trigger) =>
        trigger switch
        {
            RetryTrigger.ConnectFailure => "connect-failure",
            RetryTrigger.RefusedStream => "refused-stream",
            RetryTrigger.ResetBeforeRequest => "reset-before-request",
            RetryTrigger.Reset => "reset",
            RetryTrigger.GatewayError => "gateway-error",
            RetryTrigger.ServerError => "5xx",
            RetryTrigger.Conflict => "retriable-4xx",
            RetryTrigger.GrpcCancelled => "cancelled",
            RetryTrigger.GrpcDeadlineExceeded => "deadline-exceeded",
            RetryTrigger.GrpcInternal => "internal",
            RetryTrigger.GrpcResourceExhausted => "resource-exhausted",
            RetryTrigger.GrpcUnavailable => "unavailable",
            _ => throw new ArgumentOutOfRangeException(nameof(trigger), trigger, null),
        };

    private static TimeSpan? Shorter(TimeSpan? a, TimeSpan? b) =>
        a is { } first && b is { } second && first > TimeSpan.Zero && second > TimeSpan.Zero ? (first < second ? first : second)
        : b > TimeSpan.Zero ? b
        : a;

    private static IEnumerable<string> ToWords(IEnumerable<RetryTrigger> triggers) => triggers.Select(ToWord).Order(StringComparer.Ordinal);

    /// <summary>The pauses between attempts. Neither Envoy nor gRPC takes a longest one below the first.</summary>
    public static RetryPolicy.Types.RetryBackOff BackOff(TimeSpan first, TimeSpan longest) =>
        new() { BaseInterval = EnvoyMessages.Duration(first), MaxInterval = EnvoyMessages.Duration(longest < first ? first : longest) };
}
