using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Authentication;

/// <summary>Asks the API server whose a token is; a few questions at a time, however many clients come.</summary>
[GenericRbac("authentication.k8s.io", "tokenreviews", "create")]
internal sealed class TokenReviewer(EntityClient<V1TokenReview> reviews) : IDisposable
{
    private const int AtOnce = 16;
    private const string PodNameExtra = "authentication.kubernetes.io/pod-name";
    private const string PodUidExtra = "authentication.kubernetes.io/pod-uid";
    private const string AccountPrefix = "system:serviceaccount:";
    private readonly SemaphoreSlim _asking = new(AtOnce);

    /// <summary>The pod that a token for the mesh is bound to; null when the API server does not accept the token, or it is another
    /// one.</summary>
    public async Task<PodOfToken?> ReviewAsync(string token, CancellationToken cancellation)
    {
        await _asking.WaitAsync(cancellation);
        try
        {
            var review = await reviews.CreateAsync(
                new V1TokenReview
                {
                    Metadata = new V1ObjectMeta(),
                    Spec = new V1TokenReviewSpec { Token = token, Audiences = [MeshNames.TokenAudience] },
                },
                cancellation
            );
            return Read(review.Status);
        }
        finally
        {
            _asking.Release();
        }
    }

    public void Dispose() => _asking.Dispose();

    private static PodOfToken? Read(V1TokenReviewStatus? status)
    {
        // A server that knows no audiences answers without one, and its yes would be for any token (TokenReview's API documentation).
        if (status is not { Authenticated: true } || status.Audiences?.Contains(MeshNames.TokenAudience) != true)
            return null;
        if (status.User?.Username is not { } user || !user.StartsWith(AccountPrefix, StringComparison.Ordinal))
            return null;
        if (user[AccountPrefix.Length..].Split(':') is not [var ns, var account])
            return null;
        return Extra(status.User, PodNameExtra) is { } pod && Extra(status.User, PodUidExtra) is { } uid
            ? new PodOfToken(new WorkloadName(ns, pod), uid, account)
            : null;
    }

    private static string? Extra(V1UserInfo user, string key) =>
        user.Extra is { } extra && extra.TryGetValue(key, out var values) && values is [var value] ? value : null;
}

/// <summary>Whose a token is, by the API server's word.</summary>
/// <param name="Pod">The pod.</param>
/// <param name="Uid">Distinguishes it from others of its name.</param>
/// <param name="ServiceAccount">The service account.</param>
internal sealed record PodOfToken(WorkloadName Pod, string Uid, string ServiceAccount);
