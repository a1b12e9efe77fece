using System.Text;
using k8s;
using k8s.Models;
using MeshOperator.Authority;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Controllers;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Settings;

namespace MeshOperator.Webhooks;

/// <summary>Keeps the CA bundle right in the operator's webhook configuration of one kind, and puts it back when it is changed.</summary>
internal abstract class CaBundleController<TConfiguration>(
    EntityClient<TConfiguration> client,
    MeshAuthority authority,
    OperatorOptions options
) : IEntityController<TConfiguration>
    where TConfiguration : class, IKubernetesObject<V1ObjectMeta>
{
    public async Task<ReconciliationResult<TConfiguration>> ReconcileAsync(TConfiguration entity, CancellationToken cancellationToken)
    {
        var bundle = Encoding.ASCII.GetBytes(authority.TrustBundle);
        if (
            entity.Metadata.Name == options.WebhookConfiguration
            && ReadClients(entity).Any(c => c.CaBundle is null || !c.CaBundle.AsSpan().SequenceEqual(bundle))
            && await client.GetAsync(ObjectKey.From(entity), cancellationToken) is { } current
        )
        {
            foreach (var configuration in ReadClients(current))
                configuration.CaBundle = bundle;
            await client.ReplaceAsync(current, cancellationToken);
        }

        return ReconciliationResult<TConfiguration>.Success(entity);
    }

    public Task<ReconciliationResult<TConfiguration>> DeletedAsync(TConfiguration entity, CancellationToken cancellationToken) =>
        Task.FromResult(ReconciliationResult<TConfiguration>.Success(entity));

    /// <summary>Where each webhook is called, and whom the API server trusts there.</summary>
    protected abstract IEnumerable<Admissionregistrationv1WebhookClientConfig> ReadClients(TConfiguration entity);
}

/// <inheritdoc/>
[GenericRbac("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "list,watch")]
[GenericRbac("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "get,update", ResourceNames = "mesh-operator")]
internal sealed class MutatingCaBundleController(
    EntityClient<V1MutatingWebhookConfiguration> client,
    MeshAuthority authority,
    OperatorOptions options
) : CaBundleController<V1MutatingWebhookConfiguration>(client, authority, options)
{
    protected override IEnumerable<Admissionregistrationv1WebhookClientConfig> ReadClients(V1MutatingWebhookConfiguration entity) =>
        (entity.Webhooks ?? []).Select(w => w.ClientConfig);
}

/// <inheritdoc/>
[GenericRbac("admissionregistration.k8s.io", "validatingwebhookconfigurations", "list,watch")]
[GenericRbac("admissionregistration.k8s.io", "validatingwebhookconfigurations", "get,update", ResourceNames = "mesh-operator")]
internal sealed class ValidatingCaBundleController(
    EntityClient<V1ValidatingWebhookConfiguration> client,
    MeshAuthority authority,
    OperatorOptions options
) : CaBundleController<V1ValidatingWebhookConfiguration>(client, authority, options)
{
    protected override IEnumerable<Admissionregistrationv1WebhookClientConfig> ReadClients(V1ValidatingWebhookConfiguration entity) =>
        (entity.Webhooks ?? []).Select(w => w.ClientConfig);
}
