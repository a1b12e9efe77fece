using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Events;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Mesh.Translation.Quarantining;
using MeshOperator.Pipeline;

namespace MeshOperator.Statuses;

/// <summary>Reports by an Event at each Service and Pod that it is left out because the translation fails on it; policies have a status for
/// it. Only the leader writes.</summary>
internal sealed class HeldObjectEvents(
    MeshPipeline pipeline,
    SharedInformer<V1Service> services,
    SharedInformer<V1Pod> pods,
    EventPublisher events,
    ILeadership leadership,
    ILogger<HeldObjectEvents> logger
) : BackgroundService
{
    private const string Message =
        "The operator failed on this object, so the mesh goes on with what it was before. Report this with the operator's log.";

    private readonly SemaphoreSlim _translated = new(0, 1);
    private HashSet<Suspect> _known = [];

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
        var held = pipeline.Held;
        if (!leadership.IsLeader || (held.Count == 0 && _known.Count == 0))
            return;
        foreach (var found in held.Where(found => !_known.Contains(found)))
            await PublishAsync(found, cancellation);
        _known = [.. held];
    }

    private async Task PublishAsync(Suspect held, CancellationToken cancellation)
    {
        if (Describe(held) is not { } about)
            return;
        try
        {
            await events.PublishAsync(about, isWarning: true, ConditionReasons.TranslationFailed, Message, cancellation);
        }
        catch (KubernetesApiException e)
        {
            Log.EventNotWritten(logger, held.ToString(), e.Message);
        }
    }

    private IKubernetesObject<V1ObjectMeta>? Describe(Suspect held)
    {
        var key = new ObjectKey(held.Name.Namespace, held.Name.Name);
        return held.Kind switch
        {
            Suspect.Service when services.Objects.TryGetValue(key, out var service) => new V1Service
            {
                ApiVersion = "v1",
                Kind = Suspect.Service,
                Metadata = service.Metadata,
            },
            Suspect.Pod when pods.Objects.TryGetValue(key, out var pod) => new V1Pod
            {
                ApiVersion = "v1",
                Kind = Suspect.Pod,
                Metadata = pod.Metadata,
            },
            _ => null,
        };
    }
}
