using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Bundles;
using MeshOperator.Certificates;
using MeshOperator.Kubernetes.Controllers;
using MeshOperator.Kubernetes.Informers;

namespace MeshOperator.Authority;

/// <summary>Takes over what the leader writes about the certificate authority, and has all that carries the trust bundle brought up to
/// date.</summary>
internal sealed class AuthorityFollower(
    MeshAuthority authority,
    AuthoritySecrets secrets,
    SharedInformer<V1Secret> informer,
    ControllerRequeue<V1Namespace> namespaces,
    ControllerRequeue<V1MutatingWebhookConfiguration> mutating,
    ControllerRequeue<V1ValidatingWebhookConfiguration> validating,
    ILogger<AuthorityFollower> logger
) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        informer.Changed += Follow;
        authority.Changed += Spread;
        // What came before is not reported again.
        foreach (var secret in informer.Objects.Values)
            Follow(secret);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        informer.Changed -= Follow;
        authority.Changed -= Spread;
        return Task.CompletedTask;
    }

    private void Follow(ObjectChange<V1Secret> change) => Follow(change.New);

    private void Follow(V1Secret? secret)
    {
        if (secret?.Metadata.Name != MeshNames.CaStateSecret)
            return;
        try
        {
            authority.Apply(secrets.ReadState(secret));
        }
        catch (CertificateAuthorityException e)
        {
            // The last good one stays.
            Log.AuthorityRefused(logger, e.Message);
        }
    }

    private void Spread()
    {
        Log.AuthorityState(logger, authority.State.ToString());
        namespaces.All();
        mutating.All();
        validating.All();
    }
}
