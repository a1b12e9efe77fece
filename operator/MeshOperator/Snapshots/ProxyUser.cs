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
        ApplicationContainers
            .FindStatuses(pod)
            .Where(IsFound)
            .Select(container =>
                $"container {container.Name} runs as the proxy's user or group by its image, so its connections bypass the redirection; "
                + "set another runAsUser and runAsGroup in its securityContext"
            );

    /// <summary>Whether a container of the application runs as the proxy's user.</summary>
    public static bool IsFound(V1ContainerStatus status) => SidecarInjector.IsProxyUser(status.User?.Linux);
}
