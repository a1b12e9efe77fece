using FluentValidation;
using k8s.Models;
using MeshOperator.Api.Validation;
using MeshOperator.Kubernetes.Admission;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Webhooks;

/// <summary>Refuses a policy that its validator refuses, with every field that is wrong, and warns of what is to be known of a valid
/// one.</summary>
internal class PolicyWebhook<TPolicy, TSpec>(
    IValidator<TSpec> validator,
    IPolicyWarnings<TSpec>? warnings = null,
    IPolicyTransition<TSpec>? transition = null,
    IPolicyPlacement<TSpec>? placement = null
) : ValidationWebhook<TPolicy>
    where TPolicy : CustomKubernetesEntity, ISpec<TSpec>
    where TSpec : class, new()
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
        var refusal = !result.IsValid
            ? ValidationText.Describe(result)
            : (old is not null ? transition?.FindRefusal(old.Spec, entity.Spec) : null) ?? placement?.FindRefusal(entity.Spec, ns);
        return Task.FromResult(
            refusal is null
                ? AdmissionResult.Allow([.. warnings?.Find(entity.Spec, ns) ?? []])
                : AdmissionResult.Deny($"{entity.Kind} {new ObjectKey(ns, entity.Metadata.Name)}: {refusal}")
        );
    }
}
