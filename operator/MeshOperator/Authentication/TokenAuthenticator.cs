using Grpc.Core;
using MeshOperator.Api;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Listeners;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Server;

namespace MeshOperator.Authentication;

/// <summary>Lets a proxy in whose service account token is for the mesh and bound to the pod that it says it is. On the plaintext port,
/// which is on loopback only, everybody is let in, pod or not.</summary>
internal sealed class TokenAuthenticator(
    TokenReviewer reviewer,
    ReviewCache reviews,
    AttemptLimiter attempts,
    PodSessions pods,
    KubernetesTransport transport,
    TimeProvider time,
    ILogger<TokenAuthenticator> logger
) : INodeAuthenticator
{
    private const string Scheme = "Bearer ";
    private const int LongestToken = 16 * 1024;

    /// <summary>A token that expired this long ago is not even reviewed; of younger ones the API server's clock is asked.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    /// <summary>How soon the API server is asked again that was out of reach, if it answers nothing else before.</summary>
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(2);

    public async ValueTask<NodeAuthentication> AuthenticateAsync(
        ServerCallContext context,
        string nodeId,
        CancellationToken cancellationToken
    )
    {
        if (ListenerRole.FindKind(context.GetHttpContext()) == ListenerKind.PlaintextXds)
            return NodeAuthentication.AcceptedAsGuest;
        if (!WorkloadName.TryParseNodeId(nodeId, out var node))
            return NodeAuthentication.Refused(
                StatusCode.PermissionDenied,
                RefusalReason.BadRequest,
                "The node id is not of the form pod.namespace."
            );
        var header = context.RequestHeaders.GetValue("authorization");
        if (header is null || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || header.Length > LongestToken)
            return NodeAuthentication.Refused(
                StatusCode.Unauthenticated,
                RefusalReason.NoToken,
                "Send a service account token as the bearer token."
            );

        var token = header[Scheme.Length..];
        if (!UnverifiedToken.TryParse(token, out var claims))
            return Unauthenticated(RefusalReason.MalformedToken, "The token is not a service account token.");
        return WhyNever(claims, node) ?? await DecideAsync(token, claims, context, cancellationToken);
    }

    /// <summary>What the token's own words refuse already, without a question to the API server.</summary>
    private NodeAuthentication? WhyNever(UnverifiedToken claims, WorkloadName node)
    {
        if (!claims.IsSigned)
            return Unauthenticated(RefusalReason.MalformedToken, "The token is not signed.");
        if (!claims.Audiences.Contains(MeshNames.TokenAudience))
            return Unauthenticated(RefusalReason.OtherAudience, $"The token is not for the audience {MeshNames.TokenAudience}.");
        if (claims.Expires is not { } expires || expires + ClockSkew < time.GetUtcNow())
            return Unauthenticated(RefusalReason.ExpiredToken, "The token has expired.");
        if (claims.Pod is null)
            return Unauthenticated(RefusalReason.UnboundToken, "The token is not bound to a pod.");
        return claims.Pod == node
            ? null
            : NodeAuthentication.Refused(
                StatusCode.PermissionDenied,
                RefusalReason.OtherPod,
                "The token belongs to another pod than the node id names."
            );
    }

    /// <summary>Asks the API server unless it was asked just now. The claims are no more than what the token says, but they are the
    /// verified ones if it is accepted.</summary>
    private async Task<NodeAuthentication> DecideAsync(
        string token,
        UnverifiedToken claims,
        ServerCallContext context,
        CancellationToken cancellation
    )
    {
        // Before pods are known all of them would pay from the bucket of their address: many that come back at once would be refused.
        await pods.WaitForPodsAsync(cancellation);
        var hash = ReviewCache.Hash(token);
        // The API server is asked again about a pod that is gone, or was never seen.
        if (pods.Find(claims.Pod!.Value, claims.PodUid) is not PodPresence.Present)
            ForgetAccepted(hash);
        if (!reviews.TryGet(hash, out var pod))
        {
            if (attempts.TryTake(Client(context, claims)) is not { } attempt)
                return NodeAuthentication.Refused(
                    StatusCode.ResourceExhausted,
                    RefusalReason.TooManyAttempts,
                    "Too many tokens were refused; try again later."
                );
            try
            {
                pod = await ReviewAsync(token, cancellation);
            }
            catch (KubernetesApiException e)
            {
                attempt.Succeeded();
                Log.TokenReviewFailed(logger, e);
                return NodeAuthentication.Refused(
                    StatusCode.Unavailable,
                    RefusalReason.Unavailable,
                    "The token cannot be checked now; try again."
                );
            }

            if (pod is not null)
                attempt.Succeeded();
            reviews.Remember(hash, pod);
        }

        return pod is null || pod.Pod != claims.Pod
            ? Unauthenticated(RefusalReason.InvalidToken, "The API server does not accept the token.")
            : Accept(pod);
    }

    /// <summary>Asks the API server whose a token is. While it is out of reach, the client waits: Envoy's pauses after streams that were
    /// refused grow to 30 s, and a pod that starts meanwhile would be so much later.</summary>
    private async Task<PodOfToken?> ReviewAsync(string token, CancellationToken cancellation)
    {
        for (var isFirst = true; ; isFirst = false)
        {
            try
            {
                return await reviewer.ReviewAsync(token, cancellation);
            }
            catch (Exception e) when (KubernetesTransport.IsUnreachable(e))
            {
                if (isFirst)
                    Log.TokenReviewFailed(logger, e);
            }

            // Where nobody else asks the server, nobody is answered.
            await transport.PauseAsync(AskAgainAfter, cancellation);
        }
    }

    private NodeAuthentication Accept(PodOfToken pod) =>
        pods.Find(pod.Pod, pod.Uid) is PodPresence.Replaced
            // The cluster's state as it is known here is older than the API server's answer.
            ? NodeAuthentication.Refused(StatusCode.Unavailable, RefusalReason.Unavailable, "The pod is not known yet; try again.")
            : NodeAuthentication.AcceptedAs(pod.Pod.Namespace, pod.ServiceAccount, pods.Open(pod));

    private void ForgetAccepted(string hash)
    {
        if (reviews.TryGet(hash, out var pod) && pod is not null)
            reviews.Forget(hash);
    }

    /// <summary>Who pays for a refused token. An address does; but a token that names a pod which is there has a bucket of its own, so that
    /// a bad client behind the same address does not keep it out.</summary>
    private string Client(ServerCallContext context, UnverifiedToken claims)
    {
        var address = context.GetHttpContext().Connection.RemoteIpAddress?.ToString() ?? "unknown";
        return pods.Find(claims.Pod!.Value, claims.PodUid) is PodPresence.Present ? $"{address} {claims.PodUid}" : address;
    }

    private static NodeAuthentication Unauthenticated(RefusalReason why, string reason) =>
        NodeAuthentication.Refused(StatusCode.Unauthenticated, why, reason);
}
