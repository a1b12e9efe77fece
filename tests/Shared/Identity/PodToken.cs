using k8s;
using k8s.Models;

namespace MeshOperator.Testing;

/// <summary>Tokens of service accounts as a kubelet gets them for a pod's proxy.</summary>
internal static class PodToken
{
    /// <summary>Whom the tokens of proxies are for.</summary>
    public const string Audience = "meshoperator.io";

    /// <summary>A token of a pod's account, bound to the pod.</summary>
    public static Task<string> IssueAsync(k8s.Kubernetes client, V1Pod pod) =>
        IssueAsync(client, pod.Metadata.NamespaceProperty, pod.Spec.ServiceAccountName ?? "default", pod, Audience);

    /// <summary>A token of an account.</summary>
    /// <param name="client">Of the API server.</param>
    /// <param name="ns">The account's namespace.</param>
    /// <param name="account">The account.</param>
    /// <param name="pod">What it is bound to; null for nothing.</param>
    /// <param name="audience">Whom it is for.</param>
    public static async Task<string> IssueAsync(k8s.Kubernetes client, string ns, string account, V1Pod? pod, string audience)
    {
        var request = new Authenticationv1TokenRequest
        {
            Spec = new V1TokenRequestSpec
            {
                Audiences = [audience],
                BoundObjectRef = pod is null
                    ? null
                    : new V1BoundObjectReference
                    {
                        ApiVersion = "v1",
                        Kind = "Pod",
                        Name = pod.Metadata.Name,
                        Uid = pod.Metadata.Uid,
                    },
            },
        };
        return (await client.CoreV1.CreateNamespacedServiceAccountTokenAsync(request, account, ns)).Status.Token;
    }
}
