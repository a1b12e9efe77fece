using Envoy.Config.Route.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Outbound;
using RetryPolicy = Envoy.Config.Route.V3.RetryPolicy;

namespace MeshOperator.Xds.Translation.Proxyless;

/// <summary>Makes retry policies of what gRPC takes of them (gRFC A44): status codes, the number of retries, the pauses. There is no
/// timeout of an attempt and no budget, and gRPC itself never makes more than five attempts.</summary>
internal static class ProxylessRetry
{
    private const string Method = "POST";
    private static readonly string Unavailable = RetryBuilder.ToWord(RetryTrigger.GrpcUnavailable);

    /// <summary>gRPC refuses pauses below a millisecond.</summary>
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(1);

    /// <summary>The policy, or null when gRPC has nothing to retry on. What failed before the server saw it gRPC retries by itself
    /// (transparent retries), so that those conditions need no word: as UNAVAILABLE they would be wider than they read.</summary>
    public static RetryPolicy? Policy(RetrySettings? retry)
    {
        if (retry is not { Attempts: > 0 } || (retry.Methods.Count > 0 && !retry.Methods.Contains(Method)))
            return null;
        var codes = retry.ResponseTriggers.Select(Code).Concat(retry.StatusCodes.Select(Code)).OfType<string>().Distinct().ToList();
        if (codes.Count == 0)
            return null;
        var pause = retry.BackoffBase < ShortestPause ? ShortestPause : retry.BackoffBase;
        return new RetryPolicy
        {
            RetryOn = string.Join(',', codes),
            NumRetries = (uint)retry.Attempts,
            RetryBackOff = RetryBuilder.BackOff(pause, retry.BackoffMax),
        };
    }

    /// <summary>The name of the status that a call has where Envoy sees the trigger, or null.</summary>
    private static string? Code(RetryTrigger trigger) =>
        trigger switch
        {
            RetryTrigger.GrpcCancelled
            or RetryTrigger.GrpcDeadlineExceeded
            or RetryTrigger.GrpcInternal
            or RetryTrigger.GrpcResourceExhausted
            or RetryTrigger.GrpcUnavailable => RetryBuilder.ToWord(trigger),
            RetryTrigger.Reset or RetryTrigger.GatewayError or RetryTrigger.ServerError => Unavailable,
            _ => null,
        };

    /// <summary>As gRPC reads the HTTP status of an answer that has no gRPC status.</summary>
    private static string? Code(int status) => status is 429 or 502 or 503 or 504 ? Unavailable : null;
}
