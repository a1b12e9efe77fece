using System.Globalization;
using k8s.Models;
using MeshOperator.Api;

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
        if (ApplicationContainers.FindStatuses(pod).FirstOrDefault(status => IsFound(pod, status)) is not { } status)
            return null;
        var ports = ApplicationContainers
            .Find(pod)
            .Where(c => c.Name == status.Name)
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

    /// <summary>Whether a container of the application was restarted and does not run well, in a pod where the proxy may be why.</summary>
    public static bool IsFound(V1Pod pod, V1ContainerStatus status) =>
        status is { Ready: false, RestartCount: > 0 }
        && ReadExitCode(status) > 0
        && pod.Metadata.Annotations is { } annotations
        && annotations.TryGetValue(MeshNames.InboundModeAnnotation, out var mode)
        && mode == MeshNames.InboundProxy;

    private static int ReadExitCode(V1ContainerStatus status) => status.LastState?.Terminated?.ExitCode ?? 0;
}
