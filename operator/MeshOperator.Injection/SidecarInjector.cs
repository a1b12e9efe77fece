using System.Text.Json;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Api;

namespace MeshOperator.Injection;

/// <summary>Adds the sidecar to pods: typed, and in place. Run again on its own result it changes nothing.</summary>
public sealed class SidecarInjector
{
    /// <summary>The name of the proxy's container.</summary>
    public const string ContainerName = "mesh-proxy";

    private const string TokenVolume = "mesh-token";
    private const string TrustVolume = "mesh-trust";
    private const long ProxyUser = 1337;
    private static readonly TimeSpan TokenLifetime = TimeSpan.FromHours(1);
    private readonly InjectionOptions _options;

    /// <summary>Makes an injector.</summary>
    public SidecarInjector(InjectionOptions options) => _options = options;

    /// <summary>Whether a pod has the sidecar: the container counts, as anybody can set a label.</summary>
    public static bool IsInjected(V1Pod pod) => pod.Spec?.Containers?.Any(c => c.Name == ContainerName) == true;

    /// <summary>Adds the sidecar to a pod that was selected for it, unless something speaks against that.</summary>
    /// <param name="pod">Changed in place.</param>
    /// <param name="ns">The pod's namespace, which a pod that is being created may lack.</param>
    public InjectionOutcome Inject(V1Pod pod, string ns)
    {
        if (pod.Spec?.Containers is null or { Count: 0 }) return InjectionOutcome.Skip("the pod has no containers");
        if (IsInjected(pod)) return InjectionOutcome.Skip("the pod already has the sidecar");
        if (pod.Metadata?.Labels is { } labels && labels.TryGetValue(MeshNames.InjectLabel, out var wish) && wish == "false")
            return InjectionOutcome.Skip($"the pod's label {MeshNames.InjectLabel} is \"false\"");
        if (pod.Spec.HostNetwork == true) return InjectionOutcome.Skip("the pod uses the host's network, which a sidecar must not redirect");

        if (ReadResources(pod) is (var resources, var problem) && problem is not null) return InjectionOutcome.Refuse(problem);
        var serviceAccount = string.IsNullOrEmpty(pod.Spec.ServiceAccountName) ? "default" : pod.Spec.ServiceAccountName;
        pod.Metadata ??= new V1ObjectMeta();
        pod.Metadata.Labels ??= new Dictionary<string, string>();
        pod.Metadata.Labels[MeshNames.ProxyLabel] = MeshNames.ProxyEnvoy;
        var bootstrap = ProxyBootstrap.Create(ns, serviceAccount, pod.Metadata.Labels, _options.DiscoveryAddress);
        pod.Spec.Containers.Add(Container(pod, ns, serviceAccount, resources, bootstrap));
        pod.Spec.Volumes ??= [];
        pod.Spec.Volumes.Add(Token());
        pod.Spec.Volumes.Add(new V1Volume { Name = TrustVolume, ConfigMap = new V1ConfigMapVolumeSource { Name = MeshNames.TrustBundleConfigMap } });
        pod.Metadata.Annotations ??= new Dictionary<string, string>();
        pod.Metadata.Annotations[MeshNames.StatusAnnotation] = new JsonObject
        {
            ["version"] = _options.Version,
            ["containers"] = new JsonArray(ContainerName),
            ["volumes"] = new JsonArray(TokenVolume, TrustVolume),
        }.ToJsonString();
        return InjectionOutcome.Done;
    }

    private static V1Volume Token() => new()
    {
        Name = TokenVolume,
        Projected = new V1ProjectedVolumeSource
        {
            Sources =
            [
                new V1VolumeProjection
                {
                    ServiceAccountToken = new V1ServiceAccountTokenProjection
                    {
                        Audience = MeshNames.TokenAudience,
                        ExpirationSeconds = (long)TokenLifetime.TotalSeconds,
                        Path = ProxyBootstrap.TokenFile,
                    },
                },
            ],
        },
    };

    private (V1ResourceRequirements Resources, string? Problem) ReadResources(V1Pod pod)
    {
        var requests = new Dictionary<string, ResourceQuantity> { ["cpu"] = new(_options.ProxyCpu), ["memory"] = new(_options.ProxyMemory) };
        var limits = new Dictionary<string, ResourceQuantity>();
        foreach (var (annotation, into, resource) in new[]
        {
            (SidecarAnnotations.ProxyCpu, requests, "cpu"),
            (SidecarAnnotations.ProxyMemory, requests, "memory"),
            (SidecarAnnotations.ProxyCpuLimit, limits, "cpu"),
            (SidecarAnnotations.ProxyMemoryLimit, limits, "memory"),
        })
        {
            if (pod.Metadata?.Annotations is not { } annotations || !annotations.TryGetValue(annotation, out var text)) continue;
            try
            {
                into[resource] = new ResourceQuantity(text);
            }
            catch (Exception e) when (e is FormatException or ArgumentException or OverflowException)
            {
                return (new V1ResourceRequirements(), $"metadata.annotations[{annotation}]: '{text}' is no quantity: write for example 100m or 128Mi");
            }
        }

        return (new V1ResourceRequirements { Requests = requests, Limits = limits.Count > 0 ? limits : null }, null);
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
        if (StatisticsTags.Version(pod.Metadata.Labels) is { } version) attributes.Add($"service.version={version}");
        return string.Join(',', attributes);
    }

    private V1Container Container(V1Pod pod, string ns, string serviceAccount, V1ResourceRequirements resources, JsonObject bootstrap)
    {
        var image = pod.Metadata.Annotations is { } annotations && annotations.TryGetValue(SidecarAnnotations.ProxyImage, out var given) ? given : _options.ProxyImage;
        return new V1Container
        {
            Name = ContainerName,
            Image = image,
            Args =
            [
                "--config-yaml", bootstrap.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }),
                "--log-level", "warning",
                "--drain-time-s", "30",
            ],
            Env =
            [
                FromField("POD_NAME", "metadata.name"),
                FromField("POD_UID", "metadata.uid"),
                // Who the proxy is in the spans that it sends (OpenTelemetry's environment variables).
                new V1EnvVar { Name = "OTEL_RESOURCE_ATTRIBUTES", Value = ResourceAttributes(pod, ns, serviceAccount) },
            ],
            Ports =
            [
                new V1ContainerPort { Name = "mesh-metrics", ContainerPort = 15090, Protocol = "TCP" },
            ],
            ReadinessProbe = new V1Probe
            {
                HttpGet = new V1HTTPGetAction { Path = "/healthz/ready", Port = 15021 },
                PeriodSeconds = 5,
                FailureThreshold = 3,
                TimeoutSeconds = 3,
            },
            Resources = resources,
            SecurityContext = new V1SecurityContext
            {
                RunAsUser = ProxyUser,
                RunAsGroup = ProxyUser,
                RunAsNonRoot = true,
                ReadOnlyRootFilesystem = true,
                AllowPrivilegeEscalation = false,
                Privileged = false,
                Capabilities = new V1Capabilities { Drop = ["ALL"] },
                SeccompProfile = new V1SeccompProfile { Type = "RuntimeDefault" },
            },
            VolumeMounts =
            [
                new V1VolumeMount { Name = TokenVolume, MountPath = ProxyBootstrap.TokenFolder, ReadOnlyProperty = true },
                new V1VolumeMount { Name = TrustVolume, MountPath = ProxyBootstrap.TrustFolder, ReadOnlyProperty = true },
            ],
        };
    }

    private static V1EnvVar FromField(string name, string path) => new()
    {
        Name = name,
        ValueFrom = new V1EnvVarSource { FieldRef = new V1ObjectFieldSelector { FieldPath = path } },
    };
}

/// <summary>What became of an injection.</summary>
public sealed record InjectionOutcome
{
    private InjectionOutcome()
    {
    }

    /// <summary>The sidecar was added.</summary>
    public static InjectionOutcome Done { get; } = new() { IsInjected = true };

    /// <summary>Whether the sidecar was added.</summary>
    public bool IsInjected { get; private init; }

    /// <summary>Why the pod stays as it is, or is refused.</summary>
    public string? Reason { get; private init; }

    /// <summary>Whether the pod must not be created as it is.</summary>
    public bool IsRefused { get; private init; }

    /// <summary>The pod stays as it is.</summary>
    public static InjectionOutcome Skip(string reason) => new() { Reason = reason };

    /// <summary>The pod must not be created as it is.</summary>
    public static InjectionOutcome Refuse(string reason) => new() { Reason = reason, IsRefused = true };
}
