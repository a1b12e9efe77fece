using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Api.Authorities;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Settings;

namespace MeshOperator.Authority;

/// <summary>Reconciles the MeshCertificateAuthority: creates it, takes the next step of its rotation, and writes its status. For the leader
/// only.</summary>
[GenericRbac("meshoperator.io", "meshcertificateauthorities", "create,list,watch")]
[GenericRbac("meshoperator.io", "meshcertificateauthorities", "get", ResourceNames = MeshNames.CertificateAuthority)]
internal sealed class AuthorityReconciler(
    SharedInformer<MeshCertificateAuthority> informer,
    EntityClient<MeshCertificateAuthority> settings,
    RotationSteps steps,
    AuthorityStatusWriter status,
    OperatorOptions options
)
{
    private readonly ObjectKey _key = new(string.Empty, options.CertificateAuthority);

    /// <summary>Takes at most one step.</summary>
    /// <exception cref="KubernetesApiException">A write failed; a conflict means that somebody else has written since.</exception>
    /// <exception cref="Certificates.CertificateAuthorityException">The operator's own Secret cannot be read.</exception>
    public async Task ReconcileAsync(CancellationToken cancellation)
    {
        if (!informer.Objects.TryGetValue(_key, out var entity))
        {
            await settings.CreateAsync(new MeshCertificateAuthority { Metadata = new V1ObjectMeta { Name = _key.Name } }, cancellation);
            return;
        }

        if (await steps.TakeNextAsync(entity, cancellation) is var (wanted, progress))
            await status.WriteAsync(entity, wanted, progress, cancellation);
    }
}
