using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Events;

namespace MeshOperator.Statuses;

/// <summary>Events of what is wrong with an object. One that could not be written is logged.</summary>
internal static class Warnings
{
    /// <summary>Writes one at a pod as an informer has it, without its kind.</summary>
    public static Task WarnAsync(
        this EventPublisher events,
        V1Pod pod,
        string reason,
        string message,
        ILogger logger,
        CancellationToken cancellation
    )
    {
        var about = new V1Pod
        {
            ApiVersion = "v1",
            Kind = "Pod",
            Metadata = pod.Metadata,
        };
        return events.WarnAboutAsync(about, reason, message, logger, cancellation);
    }

    /// <summary>Writes one at an object that has its kind.</summary>
    public static async Task WarnAboutAsync(
        this EventPublisher events,
        IKubernetesObject<V1ObjectMeta> about,
        string reason,
        string message,
        ILogger logger,
        CancellationToken cancellation
    )
    {
        try
        {
            await events.PublishAsync(about, isWarning: true, reason, message, cancellation);
        }
        catch (KubernetesApiException e)
        {
            Log.EventNotWritten(logger, ObjectKey.From(about).ToString(), e.Message);
        }
    }
}
