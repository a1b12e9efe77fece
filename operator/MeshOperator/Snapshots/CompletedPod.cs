using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection;

namespace MeshOperator.Snapshots;

/// <summary>Finds pods of which only the proxy still runs, because nobody but the operator ends it. Init containers do not count: the
/// others start after them.</summary>
internal static class CompletedPod
{
    /// <summary>Whether all containers but the proxy have ended for good, and the proxy runs.</summary>
    public static bool IsFound(V1Pod pod) =>
        IsCandidate(pod) && ProxyPod.Read(pod).IsRunning && Applications(pod).All(c => HasEnded(pod, c));

    /// <summary>Keeps of a pod's status what <see cref="IsFound"/> needs.</summary>
    public static void Trim(V1Pod pod, V1PodStatus status, V1PodStatus kept)
    {
        if (!IsCandidate(pod))
            return;
        kept.ContainerStatuses =
        [
            .. kept.ContainerStatuses ?? [],
            .. (status.ContainerStatuses ?? [])
                .Where(c => c.Name != SidecarInjector.ContainerName && c.State?.Terminated is not null)
                .Select(c => new V1ContainerStatus
                {
                    Name = c.Name,
                    State = new V1ContainerState { Terminated = Trim(c.State.Terminated) },
                }),
        ];
    }

    /// <summary>Whether it may be found once its containers have ended.</summary>
    public static bool IsCandidate(V1Pod pod) =>
        pod.Metadata.Annotations is { } annotations
        && annotations.TryGetValue(MeshNames.CompletionAnnotation, out var by)
        && by == MeshNames.CompletedByOperator;

    private static V1ContainerStateTerminated Trim(V1ContainerStateTerminated ended) => new() { ExitCode = ended.ExitCode };

    private static IEnumerable<V1Container> Applications(V1Pod pod) =>
        (pod.Spec?.Containers ?? []).Where(c => c.Name != SidecarInjector.ContainerName);

    private static bool HasEnded(V1Pod pod, V1Container container) =>
        pod.Status?.ContainerStatuses?.FirstOrDefault(c => c.Name == container.Name && c.State?.Terminated is not null) is { } status
        && (pod.Spec.RestartPolicy, status.State.Terminated.ExitCode) is ("Never", _) or ("OnFailure", 0);
}
