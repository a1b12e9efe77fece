using FluentValidation;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Admission;
using MeshOperator.Settings;

namespace MeshOperator.Webhooks;

/// <summary>Refuses settings of the certificate authority that are wrong, and those that would have no effect since of all only one object
/// counts.</summary>
internal sealed class CertificateAuthorityWebhook(IValidator<MeshCertificateAuthoritySpec> validator, OperatorOptions options)
    : PolicyWebhook<MeshCertificateAuthority, MeshCertificateAuthoritySpec>(validator)
{
    public override Task<AdmissionResult> ValidateAsync(
        MeshCertificateAuthority entity,
        MeshCertificateAuthority? old,
        AdmissionContext context,
        CancellationToken cancellationToken
    )
    {
        if (entity.Metadata.DeletionTimestamp is null && entity.Metadata.Name != options.CertificateAuthority)
            return Task.FromResult(
                AdmissionResult.Deny(
                    $"MeshCertificateAuthority {entity.Metadata.Name}: metadata.name: the mesh has only one; name it "
                        + $"'{options.CertificateAuthority}'."
                )
            );
        if (entity.Metadata.DeletionTimestamp is null && entity.Spec.TrustDomain is { } domain && domain != options.TrustDomain)
            return Task.FromResult(
                AdmissionResult.Deny(
                    $"MeshCertificateAuthority {entity.Metadata.Name}: spec.trustDomain: '{domain}' is not the operator's, "
                        + $"'{options.TrustDomain}'; omit it, or install the operator with --trust-domain {domain}."
                )
            );
        return base.ValidateAsync(entity, old, context, cancellationToken);
    }
}
