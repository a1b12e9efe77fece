using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection;

namespace MeshOperator.Snapshots;

/// <summary>Finds pods of which only the proxy still runs, because nobody but the operator ends it. Init containers do not count: the
/// others start after them, and the kubelet ends native sidecars.</summary>
internal static class CompletedPod
{
    /// <summary>Whether all containers but the proxy have ended for good, and the proxy runs.</summary>
    public static bool IsFound(V1Pod pod) =>
        IsCandidate(pod) && ProxyPod.Read(pod).IsRunning && Applications(pod).All(c => HasEndedForGood(pod, c));

    /// <summary>Whether it may be found once its containers have ended.</summary>
    public static bool IsCandidate(V1Pod pod) =>
        pod.Metadata.Annotations is { } annotations
        && annotations.TryGetValue(MeshNames.CompletionAnnotation, out var by)
        && by == MeshNames.CompletedByOperator;

    /// <summary>Whether a container has ended that <see cref="IsFound"/> asks about.</summary>
    public static bool HasEnded(V1Pod pod, V1ContainerStatus status) => status.State?.Terminated is not null && IsCandidate(pod);

    private static IEnumerable<V1Container> Applications(V1Pod pod) =>
        (pod.Spec?.Containers ?? []).Where(c => c.Name != SidecarInjector.ContainerName);

    private static bool HasEndedForGood(V1Pod pod, V1Container container) =>
        pod.Status?.ContainerStatuses?.FirstOrDefault(c => c.Name == container.Name)?.State?.Terminated is { } ended
        && (pod.Spec.RestartPolicy, ended.ExitCode) is ("Never", _) or ("OnFailure", 0);
}
