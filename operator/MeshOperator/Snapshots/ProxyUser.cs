using k8s.Models;
using MeshOperator.Injection;

namespace MeshOperator.Snapshots;

/// <summary>Finds containers of the application that run as the proxy's user. A pod that asks for that user is refused; that an image does
/// shows only when the kubelet reports as whom its container runs.</summary>
internal static class ProxyUser
{
    /// <summary>The reason of the Event.</summary>
    public const string Reason = "RunsAsProxyUser";

    /// <summary>What is to be said of a pod, one for each such container.</summary>
    public static IEnumerable<string> Find(V1Pod pod) =>
        FindContainers(pod.Status)
            .Select(container =>
                $"container {container.Name} runs as the proxy's user or group by its image, so its connections bypass the redirection; "
                + "set another runAsUser and runAsGroup in its securityContext"
            );

    /// <summary>Keeps of a pod's status what <see cref="Find"/> needs.</summary>
    public static void Trim(V1PodStatus status, V1PodStatus kept)
    {
        V1ContainerStatus[] found =
        [
            .. FindContainers(status).Select(container => new V1ContainerStatus { Name = container.Name, User = container.User }),
        ];
        if (found.Length > 0)
            kept.ContainerStatuses = [.. kept.ContainerStatuses ?? [], .. found];
    }

    private static IEnumerable<V1ContainerStatus> FindContainers(V1PodStatus? status) =>
        (status?.ContainerStatuses ?? []).Where(container =>
            container.Name != SidecarInjector.ContainerName && SidecarInjector.IsProxyUser(container.User?.Linux)
        );
}
