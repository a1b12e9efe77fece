using k8s.Models;
using MeshOperator.Injection;

namespace MeshOperator.Snapshots;

/// <summary>Reads a pod's containers of the application: all but the sidecar. Of the init containers only those count that run on beside
/// the others (native sidecars).</summary>
internal static class ApplicationContainers
{
    private const string Always = "Always";

    /// <summary>The containers of the application.</summary>
    public static IEnumerable<V1Container> Find(V1Pod pod) => Find(pod.Spec);

    /// <summary>What the kubelet reports of the containers of the application.</summary>
    public static IEnumerable<V1ContainerStatus> FindStatuses(V1Pod pod) =>
        Own(pod.Status?.ContainerStatuses).Concat(Native(pod, pod.Status?.InitContainerStatuses));

    /// <summary>Of a container's restart policy what says whether it is a native sidecar.</summary>
    public static string? Trim(V1Container container) => container.RestartPolicy == Always ? Always : null;

    /// <summary>Keeps of a pod's status what <see cref="BindFailure"/>, <see cref="CompletedPod"/> and <see cref="ProxyUser"/> need of
    /// these containers, of which there is nothing to keep in most pods.</summary>
    public static void Trim(V1Pod pod, V1PodStatus status, V1PodStatus kept)
    {
        kept.ContainerStatuses = Join(kept.ContainerStatuses, Trimmed(pod, Own(status.ContainerStatuses)));
        kept.InitContainerStatuses = Join(kept.InitContainerStatuses, Trimmed(pod, Native(pod, status.InitContainerStatuses)));
    }

    private static IEnumerable<V1Container> Find(V1PodSpec? spec) =>
        (spec?.Containers ?? [])
            .Concat((spec?.InitContainers ?? []).Where(container => container.RestartPolicy == Always))
            .Where(container => container.Name != SidecarInjector.ContainerName);

    private static IEnumerable<V1ContainerStatus> Own(IEnumerable<V1ContainerStatus>? statuses) =>
        (statuses ?? []).Where(status => status.Name != SidecarInjector.ContainerName);

    private static IEnumerable<V1ContainerStatus> Native(V1Pod pod, IEnumerable<V1ContainerStatus>? statuses) =>
        Own(statuses).Where(status => pod.Spec?.InitContainers?.Any(c => c.Name == status.Name && c.RestartPolicy == Always) == true);

    private static V1ContainerStatus[] Trimmed(V1Pod pod, IEnumerable<V1ContainerStatus> statuses) =>
        [
            .. statuses
                .Where(status => BindFailure.IsFound(pod, status) || CompletedPod.HasEnded(pod, status) || ProxyUser.IsFound(status))
                .Select(status => new V1ContainerStatus
                {
                    Name = status.Name,
                    Ready = status.Ready,
                    RestartCount = status.RestartCount,
                    State = Trimmed(status.State),
                    LastState = Trimmed(status.LastState),
                    User = ProxyUser.IsFound(status) ? status.User : null,
                }),
        ];

    private static V1ContainerState? Trimmed(V1ContainerState? state) =>
        state?.Terminated is { } ended
            ? new V1ContainerState { Terminated = new V1ContainerStateTerminated { ExitCode = ended.ExitCode } }
            : null;

    private static IList<V1ContainerStatus>? Join(IList<V1ContainerStatus>? kept, V1ContainerStatus[] found) =>
        found.Length == 0 ? kept : [.. kept ?? [], .. found];
}
