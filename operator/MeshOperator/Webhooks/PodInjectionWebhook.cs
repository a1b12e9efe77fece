using k8s.Models;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Admission;

namespace MeshOperator.Webhooks;

/// <summary>Adds the sidecar to pods that the API server sends: those of labelled namespaces and those with the pod label.</summary>
internal sealed class PodInjectionWebhook(SidecarInjector injector, ILogger<PodInjectionWebhook> logger) : MutationWebhook<V1Pod>
{
    public override Task<AdmissionResult> MutateAsync(V1Pod entity, AdmissionContext context, CancellationToken cancellationToken)
    {
        var name = entity.Metadata?.Name ?? entity.Metadata?.GenerateName + "*";
        var outcome = injector.Inject(entity, context.Namespace);
        if (outcome.IsRefused)
            return Task.FromResult(AdmissionResult.Deny($"The sidecar cannot be added: {outcome.Reason}."));
        if (outcome.IsInjected)
            Log.Injected(logger, name, context.Namespace);
        else
            Log.NotInjected(logger, name, context.Namespace, outcome.Reason!);
        return Task.FromResult(AdmissionResult.Allow([.. outcome.Warnings]));
    }
}
