using System.Net;
using k8s;
using k8s.Autorest;

namespace MeshOperator.Uninstalling;

/// <summary>An object that an uninstallation by Helm leaves.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Namespace">Its namespace; null for one of the cluster.</param>
/// <param name="Name">Its name.</param>
/// <param name="What">What it is, and what ends with it.</param>
internal sealed record Leftover(LeftoverKind Kind, string? Namespace, string Name, string What)
{
    /// <summary>Deletes it; that it is gone already is as good.</summary>
    public async Task DeleteAsync(IKubernetes client, CancellationToken cancellation)
    {
        try
        {
            switch (Kind)
            {
                case LeftoverKind.ConfigMap:
                    await client.CoreV1.DeleteNamespacedConfigMapAsync(Name, Namespace, cancellationToken: cancellation);
                    break;
                case LeftoverKind.Lease:
                    await client.CoordinationV1.DeleteNamespacedLeaseAsync(Name, Namespace, cancellationToken: cancellation);
                    break;
                case LeftoverKind.Secret:
                    await client.CoreV1.DeleteNamespacedSecretAsync(Name, Namespace, cancellationToken: cancellation);
                    break;
                default:
                    await client.ApiextensionsV1.DeleteCustomResourceDefinitionAsync(Name, cancellationToken: cancellation);
                    break;
            }
        }
        catch (HttpOperationException e) when (e.Response.StatusCode == HttpStatusCode.NotFound) { }
    }
}

/// <summary>Kinds of objects that stay.</summary>
internal enum LeftoverKind
{
    /// <summary>A trust bundle.</summary>
    ConfigMap,

    /// <summary>What replicas know of each other.</summary>
    Lease,

    /// <summary>The certificate authority.</summary>
    Secret,

    /// <summary>A kind of policy.</summary>
    CustomResourceDefinition,
}
