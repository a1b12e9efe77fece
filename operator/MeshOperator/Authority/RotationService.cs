using System.Net;
using MeshOperator.Api.Authorities;
using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Xds.Cache;

namespace MeshOperator.Authority;

/// <summary>Runs the reconciler of the certificate authority while this replica leads: when its object changes, every second while a
/// rotation is in flight, and else now and then, as nothing reports a change of a user's Secret.</summary>
internal sealed class RotationService(
    AuthorityReconciler reconciler,
    MeshAuthority authority,
    SharedInformer<MeshCertificateAuthority> informer,
    ILeadership leadership,
    TimeProvider time,
    ILogger<RotationService> logger
) : BackgroundService
{
    private static readonly TimeSpan RotatesEvery = TimeSpan.FromSeconds(1);

    /// <summary>Two Secrets are read and their certificates checked each time.</summary>
    private static readonly TimeSpan LooksEvery = TimeSpan.FromSeconds(10);

    private readonly WakeSignal _wake = new();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        void WakeForChange(ObjectChange<MeshCertificateAuthority> change) => _wake.Set();

        informer.Changed += WakeForChange;
        leadership.Changed += _wake.Set;
        try
        {
            await informer.WaitForSyncAsync(stoppingToken);
            while (true)
            {
                if (leadership.IsLeader)
                    await TryReconcileAsync(stoppingToken);
                // Its own writes wake it again: not at once, as an object that somebody writes to without end must not keep it busy.
                await Task.Delay(RotatesEvery, time, stoppingToken);
                if (authority.State.Phase == RotationPhase.Stable)
                    await _wake.WaitAsync(LooksEvery - RotatesEvery, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
        finally
        {
            informer.Changed -= WakeForChange;
            leadership.Changed -= _wake.Set;
        }
    }

    private async Task TryReconcileAsync(CancellationToken stopping)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, leadership.Term);
        try
        {
            await reconciler.ReconcileAsync(either.Token);
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
}
