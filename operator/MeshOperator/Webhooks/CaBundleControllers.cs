using System.Text;
using k8s.Models;
using MeshOperator.Certificates;
using MeshOperator.Hosting;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Controllers;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Webhooks;

/// <summary>Keeps the CA bundle right in the operator's MutatingWebhookConfiguration.</summary>
[GenericRbac("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "list,watch")]
[GenericRbac("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "get,update", ResourceNames = "mesh-operator")]
internal sealed class MutatingCaBundleController(EntityClient<V1MutatingWebhookConfiguration> client, IdentityIssuer issuer, OperatorOptions options)
    : IEntityController<V1MutatingWebhookConfiguration>
{
    public async Task<ReconciliationResult<V1MutatingWebhookConfiguration>> ReconcileAsync(V1MutatingWebhookConfiguration entity, CancellationToken cancellationToken)
    {
        if (entity.Metadata.Name == options.WebhookConfiguration && CaBundle.Outdated(entity.Webhooks?.Select(w => w.ClientConfig), issuer)
            && await client.GetAsync(ObjectKey.Of(entity), cancellationToken) is { } current)
        {
            CaBundle.Set(current.Webhooks.Select(w => w.ClientConfig), issuer);
            await client.ReplaceAsync(current, cancellationToken);
        }

        return ReconciliationResult<V1MutatingWebhookConfiguration>.Success(entity);
    }

    public Task<ReconciliationResult<V1MutatingWebhookConfiguration>> DeletedAsync(V1MutatingWebhookConfiguration entity, CancellationToken cancellationToken) =>
        Task.FromResult(ReconciliationResult<V1MutatingWebhookConfiguration>.Success(entity));
}

/// <summary>Keeps the CA bundle right in the operator's ValidatingWebhookConfiguration.</summary>
[GenericRbac("admissionregistration.k8s.io", "validatingwebhookconfigurations", "list,watch")]
[GenericRbac("admissionregistration.k8s.io", "validatingwebhookconfigurations", "get,update", ResourceNames = "mesh-operator")]
internal sealed class ValidatingCaBundleController(EntityClient<V1ValidatingWebhookConfiguration> client, IdentityIssuer issuer, OperatorOptions options)
    : IEntityController<V1ValidatingWebhookConfiguration>
{
    public async Task<ReconciliationResult<V1ValidatingWebhookConfiguration>> ReconcileAsync(V1ValidatingWebhookConfiguration entity, CancellationToken cancellationToken)
    {
        if (entity.Metadata.Name == options.WebhookConfiguration && CaBundle.Outdated(entity.Webhooks?.Select(w => w.ClientConfig), issuer)
            && await client.GetAsync(ObjectKey.Of(entity), cancellationToken) is { } current)
        {
            CaBundle.Set(current.Webhooks.Select(w => w.ClientConfig), issuer);
            await client.ReplaceAsync(current, cancellationToken);
        }

        return ReconciliationResult<V1ValidatingWebhookConfiguration>.Success(entity);
    }

    public Task<ReconciliationResult<V1ValidatingWebhookConfiguration>> DeletedAsync(V1ValidatingWebhookConfiguration entity, CancellationToken cancellationToken) =>
        Task.FromResult(ReconciliationResult<V1ValidatingWebhookConfiguration>.Success(entity));
}

/// <summary>The CA bundle in webhooks' client configurations.</summary>
internal static class CaBundle
{
    public static bool Outdated(IEnumerable<Admissionregistrationv1WebhookClientConfig>? configurations, IdentityIssuer issuer)
    {
        var bundle = Encoding.ASCII.GetBytes(issuer.TrustBundle);
        return configurations?.Any(c => c.CaBundle is null || !c.CaBundle.AsSpan().SequenceEqual(bundle)) == true;
    }

    public static void Set(IEnumerable<Admissionregistrationv1WebhookClientConfig> configurations, IdentityIssuer issuer)
    {
        var bundle = Encoding.ASCII.GetBytes(issuer.TrustBundle);
        foreach (var configuration in configurations) configuration.CaBundle = bundle;
    }
}
