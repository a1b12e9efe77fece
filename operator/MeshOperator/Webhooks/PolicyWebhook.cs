using FluentValidation;
using MeshOperator.Api.Validation;
using MeshOperator.Kubernetes.Admission;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Webhooks;

/// <summary>Refuses a policy that its validator refuses, with every field that is wrong, and warns of what is to be known of a valid
/// one.</summary>
internal class PolicyWebhook<TPolicy, TSpec, TStatus>(IValidator<TSpec> validator, IPolicyWarnings<TSpec>? warnings = null)
    : ValidationWebhook<TPolicy>
    where TPolicy : CustomKubernetesEntity<TSpec, TStatus>
    where TSpec : class, new()
    where TStatus : class
{
    public override Task<AdmissionResult> ValidateAsync(
        TPolicy entity,
        TPolicy? old,
        AdmissionContext context,
        CancellationToken cancellationToken
    )
    {
        // One that is on its way out must be able to lose its finalizers, whatever is wrong with it.
        if (entity.Metadata.DeletionTimestamp is not null)
            return Task.FromResult(AdmissionResult.Allow());
        var result = validator.Validate(entity.Spec);
        var ns = context.Namespace ?? string.Empty;
        return Task.FromResult(
            result.IsValid
                ? AdmissionResult.Allow([.. warnings?.Find(entity.Spec, ns) ?? []])
                : AdmissionResult.Deny($"{entity.Kind} {new ObjectKey(ns, entity.Metadata.Name)}: {ValidationText.Describe(result)}")
        );
    }
}
