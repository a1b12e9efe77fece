using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Grpc.Core;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Hosting;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Server;

namespace MeshOperator.Proxies;

/// <summary>Lets a proxy in whose service account token is for the mesh and bound to the pod that it says it is. On the plaintext port,
/// which is on loopback only, everybody is let in, pod or not.</summary>
[GenericRbac("authentication.k8s.io", "tokenreviews", "create")]
internal sealed class TokenAuthenticator(EntityClient<V1TokenReview> reviews, TimeProvider time, ILogger<TokenAuthenticator> logger) : INodeAuthenticator
{
    private const string PodNameExtra = "authentication.kubernetes.io/pod-name";
    private const string AccountPrefix = "system:serviceaccount:";
    private const int LongestToken = 16 * 1024;
    private const int MostCached = 10_000;
    private static readonly TimeSpan CacheFor = TimeSpan.FromSeconds(10);
    private readonly ConcurrentDictionary<string, (WorkloadName Pod, DateTimeOffset Until)> _accepted = new(StringComparer.Ordinal);

    public async ValueTask<NodeAuthentication> AuthenticateAsync(ServerCallContext context, string nodeId, CancellationToken cancellationToken)
    {
        if (ListenerRole.Of(context.GetHttpContext()) == ListenerKind.PlaintextXds) return NodeAuthentication.AcceptedAsGuest;
        if (!WorkloadName.TryParseNodeId(nodeId, out var node))
            return NodeAuthentication.Refused(StatusCode.PermissionDenied, "The node id is not of the form pod.namespace.");
        var header = context.RequestHeaders.GetValue("authorization");
        if (header is null || !header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) || header.Length > LongestToken)
            return NodeAuthentication.Refused(StatusCode.Unauthenticated, "A service account token is needed as bearer token.");

        var token = header["Bearer ".Length..];
        var hash = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        var now = time.GetUtcNow();
        if (!_accepted.TryGetValue(hash, out var known) || known.Until <= now)
        {
            WorkloadName? pod;
            try
            {
                pod = await ReviewAsync(token, cancellationToken);
            }
            catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException)
            {
                Log.TokenReviewFailed(logger, e);
                return NodeAuthentication.Refused(StatusCode.Unavailable, "The token cannot be checked now; try again.");
            }

            if (pod is null)
                return NodeAuthentication.Refused(StatusCode.Unauthenticated, $"The token is not valid, not for the audience {MeshNames.TokenAudience}, or not bound to a pod.");
            known = (pod.Value, now + CacheFor);
            Remember(hash, known);
        }

        return known.Pod == node ? NodeAuthentication.Accepted : NodeAuthentication.Refused(StatusCode.PermissionDenied, "The token belongs to another pod than the node id names.");
    }

    private async Task<WorkloadName?> ReviewAsync(string token, CancellationToken cancellation)
    {
        var review = await reviews.CreateAsync(
            new V1TokenReview { Metadata = new V1ObjectMeta(), Spec = new V1TokenReviewSpec { Token = token, Audiences = [MeshNames.TokenAudience] } }, cancellation);
        // A server that knows no audiences answers without one, and its yes would be for any token (TokenReview's API documentation).
        if (review.Status is not { Authenticated: true } status || status.Audiences?.Contains(MeshNames.TokenAudience) != true) return null;
        if (status.User?.Username is not { } user || !user.StartsWith(AccountPrefix, StringComparison.Ordinal)) return null;
        var ns = user[AccountPrefix.Length..].Split(':')[0];
        return status.User.Extra is { } extra && extra.TryGetValue(PodNameExtra, out var pods) && pods is [var pod] ? new WorkloadName(ns, pod) : null;
    }

    private void Remember(string hash, (WorkloadName, DateTimeOffset Until) entry)
    {
        if (_accepted.Count >= MostCached)
        {
            var now = time.GetUtcNow();
            foreach (var (old, value) in _accepted)
            {
                if (value.Until <= now) _accepted.TryRemove(old, out _);
            }

            if (_accepted.Count >= MostCached) return;
        }

        _accepted[hash] = entry;
    }
}
