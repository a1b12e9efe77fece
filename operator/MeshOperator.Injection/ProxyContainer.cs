using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection.Settings;

namespace MeshOperator.Injection;

/// <summary>The container of the proxy.</summary>
internal static class ProxyContainer
{
    /// <summary>The proxy's user and group, by which the redirection rules know it.</summary>
    public const long User = 1337;

    /// <summary>How long a classic sidecar goes on when the pod ends, so that the application can answer its requests in flight. It is
    /// asked to end at the same moment as the application, and Envoy then stops at once.</summary>
    private const int DrainSeconds = 5;

    /// <summary>How long a native sidecar goes on at least when the pod ends, until callers' proxies know. An application that ends at
    /// once would take its proxy with it, and what callers send meanwhile would be cut; so it is answered that nothing has begun, and
    /// they try another pod.</summary>
    private const int NativeDrainSeconds = 2;

    private const int DefaultGracePeriod = 30;
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static V1Container Create(
        V1Pod pod,
        string ns,
        string serviceAccount,
        SidecarSettings settings,
        JsonObject bootstrap,
        KubernetesVersion? version
    ) =>
        new()
        {
            Name = SidecarInjector.ContainerName,
            Image = settings.Image,

            // Nothing restarts it hot, and the sockets for that would get into the way of an application that is itself an Envoy.
            Args =
            [
                "--config-yaml",
                bootstrap.ToJsonString(Readable),
                "--log-level",
                settings.LogLevel,
                // Envoy warns of fields that are new to it or on their way out, once for each service, and nobody can do anything about it.
                "--component-log-level",
                "misc:error",
                "--concurrency",
                $"{settings.Concurrency}",
                "--drain-time-s",
                "30",
                "--disable-hot-restart",
            ],
            Env =
            [
                FromField("POD_NAME", "metadata.name"),
                FromField("POD_UID", "metadata.uid"),
                FromField("POD_IP", "status.podIP"),
                // Who the proxy is in the spans that it sends (OpenTelemetry's environment variables).
                new V1EnvVar { Name = "OTEL_RESOURCE_ATTRIBUTES", Value = ResourceAttributes(pod, ns, serviceAccount) },
            ],
            Ports =
            [
                new V1ContainerPort
                {
                    Name = "mesh-metrics",
                    ContainerPort = ProxyPort.Prometheus,
                    Protocol = "TCP",
                },
            ],
            RestartPolicy = settings.IsNative ? "Always" : null,
            StartupProbe = settings.IsNative ? Ready(periodSeconds: 1, failureThreshold: 600) : null,
            ReadinessProbe = Ready(periodSeconds: 5, failureThreshold: 3),
            Lifecycle = Drain(pod, settings.IsNative, version),
            Resources = settings.Resources,
            SecurityContext = new V1SecurityContext
            {
                RunAsUser = User,
                RunAsGroup = User,
                RunAsNonRoot = true,
                ReadOnlyRootFilesystem = true,
                AllowPrivilegeEscalation = false,
                Privileged = false,
                Capabilities = new V1Capabilities { Drop = ["ALL"] },
                SeccompProfile = new V1SeccompProfile { Type = "RuntimeDefault" },
            },
            VolumeMounts = SidecarVolumes.Mounts(),
        };

    private static V1Probe Ready(int periodSeconds, int failureThreshold) =>
        new()
        {
            HttpGet = new V1HTTPGetAction { Path = "/healthz/ready", Port = ProxyPort.Readiness },
            PeriodSeconds = periodSeconds,
            FailureThreshold = failureThreshold,
            TimeoutSeconds = 3,
        };

    /// <summary>The kubelet runs the hooks of all containers at once, and ends a native sidecar after both its hook and the application;
    /// a classic one must wait for itself. Images without a <c>sleep</c> end at once: a hook that fails does not hold anything up, but is
    /// reported as an Event, so it is only used where there is need.</summary>
    private static V1Lifecycle? Drain(V1Pod pod, bool isNative, KubernetesVersion? version)
    {
        var hasAction = version >= KubernetesVersion.SleepAction;
        if (isNative && !hasAction)
            return null;
        var most = (pod.Spec.TerminationGracePeriodSeconds ?? DefaultGracePeriod) - 1;
        var seconds = Math.Min(isNative ? NativeDrainSeconds : DrainSeconds, most);
        if (seconds <= 0)
            return null;
        var sleep = hasAction
            ? new V1LifecycleHandler { Sleep = new V1SleepAction { Seconds = seconds } }
            : new V1LifecycleHandler { Exec = new V1ExecAction { Command = ["/bin/sleep", $"{seconds}"] } };
        return new V1Lifecycle { PreStop = sleep };
    }

    private static string ResourceAttributes(V1Pod pod, string ns, string serviceAccount)
    {
        var attributes = new List<string>
        {
            $"service.name={StatisticsTags.Workload(pod.Metadata.Labels, serviceAccount)}",
            $"service.namespace={ns}",
            "k8s.pod.name=$(POD_NAME)",
            $"k8s.namespace.name={ns}",
        };
        if (StatisticsTags.Version(pod.Metadata.Labels) is { } version)
            attributes.Add($"service.version={version}");
        return string.Join(',', attributes);
    }

    private static V1EnvVar FromField(string name, string path) =>
        new()
        {
            Name = name,
            ValueFrom = new V1EnvVarSource { FieldRef = new V1ObjectFieldSelector { FieldPath = path } },
        };
}
