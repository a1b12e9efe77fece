using System.Net;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Kubernetes.Events;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Kubernetes.Status;
using MeshOperator.Settings;

namespace MeshOperator.Authority;

/// <summary>Carries rotations of the certificate authority out, one step after the other, as the leader. Each step is one write to one Secret
/// that fails when somebody else has written since; so whoever leads next goes on where the last one ended.</summary>
[GenericRbac("meshoperator.io", "meshcertificateauthorities", "create,list,watch")]
[GenericRbac("meshoperator.io", "meshcertificateauthorities", "get", ResourceNames = MeshNames.CertificateAuthority)]
[GenericRbac("meshoperator.io", "meshcertificateauthorities/status", "patch", ResourceNames = MeshNames.CertificateAuthority)]
internal sealed class RotationService(
    MeshAuthority authority,
    AuthoritySecrets secrets,
    WantedAuthority wanted,
    RotationProgressSource progress,
    AuthorityExpiry expiry,
    SharedInformer<MeshCertificateAuthority> informer,
    EntityClient<MeshCertificateAuthority> settings,
    StatusWriter<MeshCertificateAuthority> statuses,
    EventPublisher events,
    KubernetesTransport transport,
    ILeadership leadership,
    OperatorOptions options,
    TimeProvider time,
    ILogger<RotationService> logger
) : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly MeshCertificateAuthorityValidator Validator = new();
    private readonly ObjectKey _key = new(string.Empty, options.CertificateAuthority);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await informer.WaitForSyncAsync(stoppingToken);
            while (true)
            {
                if (leadership.IsLeader)
                    await TryLookAsync(stoppingToken);
                await Task.Delay(LookEvery, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
    }

    private async Task TryLookAsync(CancellationToken stopping)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, leadership.Term);
        try
        {
            await LookAsync(either.Token);
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested && !stopping.IsCancellationRequested)
        {
            // Another leads now.
        }
        catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            // Somebody has written since it was read: once more with what is there now.
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException or CertificateAuthorityException)
        {
            Log.RotationFailed(logger, e);
        }
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        if (!informer.Objects.TryGetValue(_key, out var entity))
        {
            await settings.CreateAsync(new MeshCertificateAuthority { Metadata = new V1ObjectMeta { Name = _key.Name } }, cancellation);
            return;
        }

        var secret = await secrets.GetStateAsync(cancellation);
        var state = await TakeAsync(secret, cancellation);
        if (state is null)
            return;
        var found = await wanted.FindAsync(entity, state, cancellation);
        var now = progress.Measure(authority.Current);
        var overlap = MeshDuration.TryParse(entity.Spec.Rotation?.Overlap, out var given) ? given : TimeSpan.Zero;
        if (RotationSchedule.Next(state, found.Files, now, overlap, time) is { } next)
        {
            await secrets.WriteStateAsync(next, secret, cancellation);
            authority.Apply(next);
            now = progress.Measure(authority.Current);
        }

        await WriteStatusAsync(entity, found, now, cancellation);
    }

    /// <summary>The state as it is kept, and what this replica serves brought up to it; null when it was lost and is made anew of what is served.</summary>
    private async Task<AuthorityState?> TakeAsync(V1Secret? secret, CancellationToken cancellation)
    {
        if (secret is null)
        {
            await secrets.WriteStateAsync(authority.State, null, cancellation);
            return null;
        }

        authority.Apply(secrets.ReadState(secret));
        return authority.State;
    }

    private async Task WriteStatusAsync(MeshCertificateAuthority entity, Wanted found, RotationProgress now, CancellationToken cancellation)
    {
        var latest = statuses.Latest(entity);
        var findings = new AuthorityFindings(
            authority.State,
            now,
            Refusal(entity) ?? found.Refusal,
            expiry.Certificates(),
            transport.ClockDifference,
            found.IsOwn,
            found.LastRotation
        );
        var status = AuthorityConditions.Status(findings, entity.Metadata.Generation ?? 1, latest.Status, time.GetUtcNow());
        var changes = AuthorityConditions.Events(status, latest.Status).ToList();
        if (await statuses.WriteAsync(entity, status, MeshNames.FieldManager, cancellation) is not { } written)
            return;
        foreach (var change in changes)
            await events.PublishAsync(written, change.IsWarning, change.Reason, change.Message, cancellation);
    }

    private (string Reason, string Message)? Refusal(MeshCertificateAuthority entity)
    {
        if (entity.Spec.TrustDomain is { } domain && domain != options.TrustDomain)
            return (
                ConditionReasons.TrustDomainMismatch,
                $"spec.trustDomain is '{domain}', but the operator runs with '{options.TrustDomain}'; omit it, or install the operator with --trust-domain {domain}."
            );
        var result = Validator.Validate(entity.Spec);
        return result.IsValid ? null : (ConditionReasons.Invalid, ValidationText.Describe(result) + ".");
    }
}
