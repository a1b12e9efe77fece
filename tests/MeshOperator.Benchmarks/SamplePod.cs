using System.Globalization;
using k8s.Models;
using MeshOperator.Injection;

namespace MeshOperator.Benchmarks;

/// <summary>Pods as users write them, before the sidecar.</summary>
internal static class SamplePod
{
    private static readonly string[] ConditionTypes =
    [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ];

    /// <summary>A pod of one container with probes and so many environment variables.</summary>
    public static V1Pod Create(string name, string app, int variables) =>
        new()
        {
            ApiVersion = "v1",
            Kind = "Pod",
            Metadata = new V1ObjectMeta
            {
                Name = name,
                Labels = new Dictionary<string, string> { ["app"] = app },
            },
            Spec = new V1PodSpec
            {
                Containers =
                [
                    new V1Container
                    {
                        Name = "app",
                        Image = "registry.example.com/team/app:1.2.3",
                        Ports = [new V1ContainerPort { Name = "http", ContainerPort = 8080 }],
                        Env = [.. Enumerable.Range(0, variables).Select(Variable)],
                        ReadinessProbe = Probe("/ready"),
                        LivenessProbe = Probe("/live"),
                    },
                ],
            },
        };

    /// <summary>The status of such a pod with its sidecar, once all of it runs.</summary>
    public static V1PodStatus Running(string address)
    {
        var since = DateTime.UnixEpoch;
        return new V1PodStatus
        {
            Phase = "Running",
            PodIP = address,
            PodIPs = [new V1PodIP { Ip = address }],
            StartTime = since,
            Conditions =
            [
                .. ConditionTypes.Select(type => new V1PodCondition
                {
                    Type = type,
                    Status = "True",
                    LastTransitionTime = since,
                }),
            ],
            InitContainerStatuses = [Container("mesh-init", running: false), Container(SidecarInjector.ContainerName, running: true)],
            ContainerStatuses = [Container("app", running: true)],
        };

        V1ContainerStatus Container(string name, bool running) =>
            new()
            {
                Name = name,
                Image = $"registry.example.com/team/{name}:1.2.3",
                ImageID = $"registry.example.com/team/{name}@sha256:{new string('0', 64)}",
                ContainerID = $"containerd://{new string('0', 64)}",
                Ready = true,
                Started = running,
                RestartCount = 0,
                State = running
                    ? new V1ContainerState { Running = new V1ContainerStateRunning { StartedAt = since } }
                    : new V1ContainerState
                    {
                        Terminated = new V1ContainerStateTerminated { ExitCode = 0, Reason = "Completed" },
                    },
            };
    }

    private static V1EnvVar Variable(int i) =>
        new()
        {
            Name = string.Create(CultureInfo.InvariantCulture, $"SETTING_{i}"),
            Value = string.Create(CultureInfo.InvariantCulture, $"the value of setting {i}"),
        };

    private static V1Probe Probe(string path) =>
        new()
        {
            HttpGet = new V1HTTPGetAction { Path = path, Port = "http" },
            PeriodSeconds = 10,
        };
}
