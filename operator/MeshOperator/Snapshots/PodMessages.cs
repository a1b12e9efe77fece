using System.Buffers;
using k8s.Models;
using Messages = MeshOperator.Snapshots.Messages;

namespace MeshOperator.Snapshots;

/// <summary>Reads of a pod's protobuf message what <see cref="RecordReader.Trim(V1Pod)"/> keeps, or a little more.</summary>
internal static class PodMessages
{
    /// <summary>Reads a <c>k8s.io.api.core.v1.Pod</c>.</summary>
    /// <exception cref="InvalidDataException">It is none, or has no name.</exception>
    public static V1Pod Read(ReadOnlySequence<byte> message)
    {
        Messages.Pod pod;
        try
        {
            pod = Parser.ParseFrom(message);
        }
        catch (Google.Protobuf.InvalidProtocolBufferException e)
        {
            throw new InvalidDataException($"A pod is not a message as Kubernetes defines it: {e.Message}", e);
        }

        if (pod.Metadata is not { Name.Length: > 0 })
            throw new InvalidDataException("The list of pods has a pod without a name.");
        return new V1Pod
        {
            Metadata = Read(pod.Metadata),
            Spec = Read(pod.Spec ?? new Messages.PodSpec()),
            Status = Read(pod.Status ?? new Messages.PodStatus()),
        };
    }

    private static V1ObjectMeta Read(Messages.ObjectMeta metadata) =>
        new()
        {
            Name = metadata.Name,
            NamespaceProperty = metadata.Namespace,
            Uid = metadata.Uid,
            ResourceVersion = metadata.ResourceVersion,
            CreationTimestamp = Read(metadata.CreationTimestamp),
            DeletionTimestamp = Read(metadata.DeletionTimestamp),
            Labels = metadata.Labels.Count == 0 ? null : metadata.Labels.ToDictionary(),
            Annotations = metadata.Annotations.Count == 0 ? null : metadata.Annotations.ToDictionary(),
        };

    /// <summary>A time that is not set has no seconds.</summary>
    private static DateTime? Read(Messages.Time? time) =>
        time is { HasSeconds: true } ? DateTimeOffset.FromUnixTimeSeconds(time.Seconds).UtcDateTime : null;

    private static V1PodSpec Read(Messages.PodSpec spec) =>
        new()
        {
            ServiceAccountName = spec.ServiceAccountName,
            NodeName = spec.NodeName,
            RestartPolicy = spec.HasRestartPolicy ? spec.RestartPolicy : null,
            Containers = [.. spec.Containers.Select(Read)],
            InitContainers = [.. spec.InitContainers.Select(Read)],
        };

    private static V1Container Read(Messages.Container container) =>
        new()
        {
            Name = container.Name,
            Args = container.Args,
            RestartPolicy = container.HasRestartPolicy ? container.RestartPolicy : null,
            Ports =
            [
                .. container.Ports.Select(port => new V1ContainerPort
                {
                    ContainerPort = port.ContainerPort_,
                    Protocol = port.HasProtocol ? port.Protocol : null,
                }),
            ],
        };

    private static V1PodStatus Read(Messages.PodStatus status) =>
        new()
        {
            Phase = status.Phase,
            Conditions =
            [
                .. status.Conditions.Select(condition => new V1PodCondition
                {
                    Type = condition.Type,
                    Status = condition.Status,
                    LastTransitionTime = Read(condition.LastTransitionTime),
                }),
            ],
            ContainerStatuses = [.. status.ContainerStatuses.Select(Read)],
            InitContainerStatuses = [.. status.InitContainerStatuses.Select(Read)],
            PodIPs = [.. status.PodIPs.Select(address => new V1PodIP { Ip = address.Ip })],
        };

    private static V1ContainerStatus Read(Messages.ContainerStatus status) =>
        new()
        {
            Name = status.Name,
            Ready = status.Ready,
            RestartCount = status.RestartCount,
            State = Read(status.State),
            LastState = Read(status.LastState),
            User = status.User?.Linux is { } user ? new V1ContainerUser { Linux = Read(user) } : null,
        };

    private static V1LinuxContainerUser Read(Messages.LinuxContainerUser user) =>
        new()
        {
            Uid = user.Uid,
            Gid = user.Gid,
            SupplementalGroups = [.. user.SupplementalGroups.Select(group => (long?)group)],
        };

    private static V1ContainerState? Read(Messages.ContainerState? state) =>
        state is null
            ? null
            : new V1ContainerState
            {
                Running = state.Running is null ? null : new V1ContainerStateRunning(),
                Terminated = state.Terminated is null ? null : new V1ContainerStateTerminated { ExitCode = state.Terminated.ExitCode },
            };

    private static readonly Google.Protobuf.MessageParser<Messages.Pod> Parser = Messages.Pod.Parser.WithDiscardUnknownFields(true);
}
