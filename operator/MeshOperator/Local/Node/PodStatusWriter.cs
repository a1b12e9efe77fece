using System.Collections.Concurrent;
using System.Net;
using k8s;
using k8s.Autorest;
using k8s.Models;

namespace MeshOperator.Local.Node;

/// <summary>What the kubelet says of a pod, written as it changes.</summary>
/// <param name="pod">The pod.</param>
/// <param name="client">A client that may write its status.</param>
/// <param name="hostAddress">The address of its node.</param>
internal sealed class PodStatusWriter(V1Pod pod, k8s.Kubernetes client, string hostAddress) : IDisposable
{
    private readonly ConcurrentDictionary<string, ContainerState> _containers = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _writing = new(1);

    /// <summary>The pod's addresses; empty before it has one.</summary>
    public IReadOnlyList<string> Addresses { get; set; } = [];

    public bool IsRunning { get; set; }

    public bool IsReady =>
        IsRunning
        && pod.Spec.Containers.Concat((pod.Spec.InitContainers ?? []).Where(c => c.RestartPolicy == "Always"))
            .All(c => _containers.TryGetValue(c.Name, out var state) && state.IsReady);

    private bool IsCompleted => pod.Spec.Containers.All(c => _containers.TryGetValue(c.Name, out var state) && state.IsCompleted);

    public bool IsContainerReady(string container) => _containers.TryGetValue(container, out var state) && state.IsReady;

    public void Run(string container, bool isReady) =>
        _containers.AddOrUpdate(
            container,
            new ContainerState(true, isReady, false, 0),
            (_, state) => state with { IsRunning = true, IsReady = isReady }
        );

    /// <summary>Says that a container has ended well, for good. Only of init containers that is to be ready.</summary>
    public void Complete(string container) =>
        _containers[container] = new ContainerState(false, pod.Spec.Containers.All(c => c.Name != container), true, 0);

    public void Restart(string container) =>
        _containers.AddOrUpdate(
            container,
            new ContainerState(true, false, false, 1),
            (_, state) => state with { IsReady = false, Restarts = state.Restarts + 1 }
        );

    public async Task WriteAsync()
    {
        await _writing.WaitAsync();
        try
        {
            var body = new V1Patch(KubernetesJson.Serialize(new { status = Status() }), V1Patch.PatchType.MergePatch);
            await client.CoreV1.PatchNamespacedPodStatusAsync(body, pod.Metadata.Name, pod.Metadata.NamespaceProperty);
        }
        catch (HttpOperationException e) when (e.Response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Conflict)
        {
            // It is gone.
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Says that nothing of the pod is left, which removes it.</summary>
    public async Task DeleteAsync()
    {
        try
        {
            var options = new V1DeleteOptions
            {
                GracePeriodSeconds = 0,
                Preconditions = new V1Preconditions { Uid = pod.Metadata.Uid },
            };
            await client.CoreV1.DeleteNamespacedPodAsync(pod.Metadata.Name, pod.Metadata.NamespaceProperty, options);
        }
        catch (HttpOperationException e) when (e.Response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Conflict)
        {
            // It was deleted without grace.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _writing.Dispose();

    private V1PodStatus Status()
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var ready = IsReady;
        return new V1PodStatus
        {
            Phase =
                !IsRunning ? "Pending"
                : IsCompleted ? "Succeeded"
                : "Running",
            HostIP = hostAddress,
            PodIP = Addresses.Count == 0 ? null : Addresses[0],
            PodIPs = Addresses.Count == 0 ? null : [.. Addresses.Select(address => new V1PodIP { Ip = address })],
            StartTime = now,
            Conditions =
            [
                Condition("PodScheduled", true, now),
                Condition("Initialized", IsRunning, now),
                Condition("ContainersReady", ready, now),
                Condition("Ready", ready, now),
            ],
            InitContainerStatuses = [.. (pod.Spec.InitContainers ?? []).Select(c => Container(c, now))],
            ContainerStatuses = [.. pod.Spec.Containers.Select(c => Container(c, now))],
        };
    }

    private V1ContainerStatus Container(V1Container container, DateTime now)
    {
        var state = _containers.GetValueOrDefault(container.Name, new ContainerState(false, false, false, 0));
        return new V1ContainerStatus
        {
            Name = container.Name,
            Image = container.Image,
            ImageID = container.Image,
            Ready = state.IsReady,
            Started = state.IsRunning,
            RestartCount = state.Restarts,
            State = state switch
            {
                { IsRunning: true } => new V1ContainerState { Running = new V1ContainerStateRunning { StartedAt = now } },
                { IsCompleted: true } => new V1ContainerState
                {
                    Terminated = new V1ContainerStateTerminated
                    {
                        ExitCode = 0,
                        Reason = "Completed",
                        StartedAt = now,
                        FinishedAt = now,
                    },
                },
                _ => new V1ContainerState { Waiting = new V1ContainerStateWaiting { Reason = "PodInitializing" } },
            },
        };
    }

    private static V1PodCondition Condition(string type, bool holds, DateTime now) =>
        new()
        {
            Type = type,
            Status = holds ? "True" : "False",
            LastTransitionTime = now,
        };

    private sealed record ContainerState(bool IsRunning, bool IsReady, bool IsCompleted, int Restarts);
}
