using MeshOperator.Api;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Kubernetes.Events;
using MeshOperator.Kubernetes.Status;
using MeshOperator.Settings;

namespace MeshOperator.Authority;

/// <summary>Writes the status of the MeshCertificateAuthority, and an event for each change that is worth one.</summary>
[GenericRbac("meshoperator.io", "meshcertificateauthorities/status", "patch", ResourceNames = MeshNames.CertificateAuthority)]
internal sealed class AuthorityStatusWriter(
    MeshAuthority authority,
    AuthorityExpiry expiry,
    KubernetesTransport transport,
    StatusWriter<MeshCertificateAuthority> statuses,
    EventPublisher events,
    OperatorOptions options,
    TimeProvider time
)
{
    private static readonly MeshCertificateAuthorityValidator Validator = new();

    /// <summary>Writes the status if it has changed.</summary>
    /// <param name="entity">The object.</param>
    /// <param name="wanted">Who is to sign.</param>
    /// <param name="progress">How far the proxies are with the present state.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task WriteAsync(MeshCertificateAuthority entity, Wanted wanted, RotationProgress progress, CancellationToken cancellation)
    {
        var latest = statuses.Latest(entity);
        var findings = new AuthorityFindings(
            authority.State,
            progress,
            FindRefusal(entity.Spec) ?? wanted.Refusal,
            expiry.Certificates(),
            transport.ClockDifference,
            wanted.IsOwn,
            wanted.LastRotation
        );
        var status = AuthorityConditions.Status(findings, entity.Metadata.Generation ?? 1, latest.Status, time.GetUtcNow());
        var changes = AuthorityConditions.Events(status, latest.Status).ToList();
        if (await statuses.WriteAsync(entity, status, MeshNames.FieldManager, cancellation) is not { } written)
            return;
        foreach (var change in changes)
            await events.PublishAsync(written, change.IsWarning, change.Reason, change.Message, cancellation);
    }

    private (string Reason, string Message)? FindRefusal(MeshCertificateAuthoritySpec spec)
    {
        if (spec.TrustDomain is { } domain && domain != options.TrustDomain)
            return (
                ConditionReasons.TrustDomainMismatch,
                $"spec.trustDomain is '{domain}', but the operator runs with '{options.TrustDomain}'; "
                    + $"omit it, or install the operator with --trust-domain {domain}."
            );
        var result = Validator.Validate(spec);
        return result.IsValid ? null : (ConditionReasons.Invalid, ValidationText.Describe(result) + ".");
    }
}
