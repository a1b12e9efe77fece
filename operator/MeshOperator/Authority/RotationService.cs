using System.Net;
using MeshOperator.Api.Authorities;
using MeshOperator.Certificates;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;

namespace MeshOperator.Authority;

/// <summary>Runs the reconciler of the certificate authority every second while this replica leads.</summary>
internal sealed class RotationService(
    AuthorityReconciler reconciler,
    SharedInformer<MeshCertificateAuthority> informer,
    ILeadership leadership,
    TimeProvider time,
    ILogger<RotationService> logger
) : BackgroundService
{
    private static readonly TimeSpan ReconcileEvery = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await informer.WaitForSyncAsync(stoppingToken);
            while (true)
            {
                if (leadership.IsLeader)
                    await TryReconcileAsync(stoppingToken);
                await Task.Delay(ReconcileEvery, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
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
