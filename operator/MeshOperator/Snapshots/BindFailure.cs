using System.Globalization;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection;

namespace MeshOperator.Snapshots;

/// <summary>Finds applications that probably cannot listen at their port, as their proxy does: with
/// <see cref="SidecarAnnotations.Inbound"/>, an application on all addresses of its pod gets "address already in use", and ends.</summary>
internal static class BindFailure
{
    /// <summary>The reason of the Event.</summary>
    public const string Reason = "ApplicationMayNotBind";

    /// <summary>What is to be said of a pod; null when nothing is.</summary>
    public static string? Find(V1Pod pod)
    {
        if (!IsCandidate(pod) || FindEnded(pod) is not { } status)
            return null;
        var ports = pod
            .Spec.Containers.Where(c => c.Name == status.Name)
            .SelectMany(c => c.Ports ?? [])
            .Where(port => port.Protocol is null or "TCP")
            .Select(port => port.ContainerPort.ToString(CultureInfo.InvariantCulture))
            .ToList();
        var which = ports.Count == 0 ? "the ports that services send to" : "port " + string.Join(", ", ports);
        return $"The container '{status.Name}' ended with exit code {ReadExitCode(status)} and is being restarted. "
            + $"If its log says that an address is in use: with {SidecarAnnotations.Inbound}: {MeshNames.InboundProxy} the sidecar "
            + "listens on the "
            + $"pod's address at {which}; let the application listen on 127.0.0.1 at the same port, and not on 0.0.0.0.";
    }

    /// <summary>Keeps of a pod's status what <see cref="Find"/> needs.</summary>
    public static void Trim(V1Pod pod, V1PodStatus status, V1PodStatus kept)
    {
        if (!IsCandidate(pod) || FindEnded(new V1Pod { Status = status }) is not { } ended)
            return;
        kept.ContainerStatuses =
        [
            .. kept.ContainerStatuses ?? [],
            new V1ContainerStatus
            {
                Name = ended.Name,
                RestartCount = ended.RestartCount,
                LastState = new V1ContainerState { Terminated = new V1ContainerStateTerminated { ExitCode = ReadExitCode(ended) } },
            },
        ];
    }

    private static bool IsCandidate(V1Pod pod) =>
        pod.Metadata.Annotations is { } annotations
        && annotations.TryGetValue(MeshNames.InboundModeAnnotation, out var mode)
        && mode == MeshNames.InboundProxy;

    /// <summary>A container of the application that was restarted and does not run well.</summary>
    private static V1ContainerStatus? FindEnded(V1Pod pod) =>
        pod.Status?.ContainerStatuses?.FirstOrDefault(status =>
            status.Name != SidecarInjector.ContainerName && status is { Ready: false, RestartCount: > 0 } && ReadExitCode(status) > 0
        );

    private static int ReadExitCode(V1ContainerStatus status) => status.LastState?.Terminated?.ExitCode ?? 0;
}
