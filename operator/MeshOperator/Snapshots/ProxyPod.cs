using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection;

namespace MeshOperator.Snapshots;

/// <summary>What a pod's status says of its proxy.</summary>
/// <param name="IsRunning">Whether its container runs and the pod is not being deleted.</param>
/// <param name="UnreadySince">Since when the pod is not ready; null when it is.</param>
internal readonly record struct ProxyPod(bool IsRunning, DateTimeOffset? UnreadySince)
{
    private const string ReadyCondition = "Ready";
    private static readonly V1PodCondition[] Ready = [new() { Type = ReadyCondition, Status = "True" }];
    private static readonly V1ContainerStatus[] Running =
    [
        new()
        {
            Name = Injection.SidecarInjector.ContainerName,
            State = new V1ContainerState { Running = new V1ContainerStateRunning() },
        },
    ];

    /// <summary>Reads a pod, trimmed or not.</summary>
    public static ProxyPod Read(V1Pod pod)
    {
        var containers = (pod.Status?.ContainerStatuses ?? []).Concat(pod.Status?.InitContainerStatuses ?? []);
        var isRunning =
            pod.Metadata.DeletionTimestamp is null
            && containers.Any(c => c.Name == Injection.SidecarInjector.ContainerName && c.State?.Running is not null);
        var ready = pod.Status?.Conditions?.FirstOrDefault(c => c.Type == ReadyCondition);
        return new ProxyPod(
            isRunning,
            ready?.Status == "True" ? null : ReadSince(ready?.LastTransitionTime ?? pod.Metadata.CreationTimestamp)
        );
    }

    /// <summary>Keeps of <paramref name="status"/> what <see cref="Read"/> needs. Pods that are well, which are most, share it.</summary>
    public static void Trim(V1PodStatus status, V1PodStatus kept)
    {
        var state = Read(new V1Pod { Metadata = new V1ObjectMeta(), Status = status });
        kept.ContainerStatuses = state.IsRunning ? Running : null;
        if (state.UnreadySince is null)
            kept.Conditions = Ready;
        else if (state.UnreadySince != DateTimeOffset.UnixEpoch)
            kept.Conditions =
            [
                new V1PodCondition
                {
                    Type = ReadyCondition,
                    Status = "False",
                    LastTransitionTime = state.UnreadySince.Value.UtcDateTime,
                },
            ];
    }

    private static DateTimeOffset ReadSince(DateTime? time) =>
        time is { } at ? new DateTimeOffset(DateTime.SpecifyKind(at, DateTimeKind.Utc)) : DateTimeOffset.UnixEpoch;
}
