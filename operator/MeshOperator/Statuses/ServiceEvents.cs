using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Events;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Pipeline;

namespace MeshOperator.Statuses;

/// <summary>Reports by Events at Services what <see cref="ServiceFindings"/> finds: each finding once, and again when it is new. Only the
/// leader writes.</summary>
internal sealed class ServiceEvents(
    MeshPipeline pipeline,
    SharedInformer<V1Service> services,
    EventPublisher events,
    ILeadership leadership,
    TimeProvider time,
    ILogger<ServiceEvents> logger
) : BackgroundService
{
    /// <summary>Findings of pods that start and end together are gathered.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _translated = new(0, 1);
    private HashSet<ServiceFinding> _known = [];

    public override void Dispose()
    {
        _translated.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        pipeline.Translated += OnTranslated;
        try
        {
            while (true)
            {
                await _translated.WaitAsync(stoppingToken);
                await LookAsync(stoppingToken);
                await Task.Delay(LookEvery, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The operator ends.
        }
        finally
        {
            pipeline.Translated -= OnTranslated;
        }
    }

    private void OnTranslated()
    {
        if (_translated.CurrentCount == 0)
            _translated.Release();
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        if (!leadership.IsLeader || pipeline is not { TranslatedSnapshot: { } snapshot, Wanted: { } wanted })
            return;
        var found = ServiceFindings.Find(snapshot, wanted.Model).ToHashSet();
        foreach (var finding in found.Where(finding => !_known.Contains(finding)))
            await PublishAsync(finding, cancellation);
        _known = found;
    }

    private async Task PublishAsync(ServiceFinding finding, CancellationToken cancellation)
    {
        var key = new ObjectKey(finding.Service.Namespace, finding.Service.Name);
        if (!services.Objects.TryGetValue(key, out var service))
            return;
        try
        {
            var about = new V1Service
            {
                ApiVersion = "v1",
                Kind = "Service",
                Metadata = service.Metadata,
            };
            await events.PublishAsync(about, isWarning: true, finding.Reason, finding.Message, cancellation);
        }
        catch (KubernetesApiException e)
        {
            Log.EventNotWritten(logger, key.ToString(), e.Message);
        }
    }
}
