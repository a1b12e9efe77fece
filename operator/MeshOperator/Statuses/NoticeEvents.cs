using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Events;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Quarantining;
using MeshOperator.Pipeline;

namespace MeshOperator.Statuses;

/// <summary>Reports by Events at Services and Pods what <see cref="ServiceNotices"/> finds, and which are left out because the translation
/// fails on them: each once, and again when it is new. Only the leader writes.</summary>
internal sealed class NoticeEvents(
    MeshPipeline pipeline,
    SharedInformer<V1Service> services,
    SharedInformer<V1Pod> pods,
    EventPublisher events,
    ILeadership leadership,
    TimeProvider time,
    ILogger<NoticeEvents> logger
) : BackgroundService
{
    /// <summary>Notices of pods that start and end together are gathered.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _translated = new(0, 1);
    private HashSet<ObjectNotice> _known = [];

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
        var found = ServiceNotices
            .Find(snapshot, wanted.Model)
            .Concat(pipeline.Held.Where(held => held.Policy is null).Select(ObjectNotice.ForHeld))
            .ToHashSet();
        foreach (var notice in found.Where(notice => !_known.Contains(notice)))
        {
            if (Describe(notice) is { } about)
                await events.WarnAboutAsync(about, notice.Reason, notice.Message, logger, cancellation);
        }

        _known = found;
    }

    /// <summary>The object as an Event refers to it; null when it is gone.</summary>
    private IKubernetesObject<V1ObjectMeta>? Describe(ObjectNotice notice)
    {
        var key = new ObjectKey(notice.Name.Namespace, notice.Name.Name);
        return notice.Kind switch
        {
            Suspect.Service when services.Objects.TryGetValue(key, out var service) => new V1Service
            {
                ApiVersion = "v1",
                Kind = notice.Kind,
                Metadata = service.Metadata,
            },
            Suspect.Pod when pods.Objects.TryGetValue(key, out var pod) => new V1Pod
            {
                ApiVersion = "v1",
                Kind = notice.Kind,
                Metadata = pod.Metadata,
            },
            _ => null,
        };
    }
}
