using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection.Probes;
using MeshOperator.Injection.Settings;

namespace MeshOperator.Injection;

/// <summary>Adds the sidecar to pods: typed, and in place. Run again on its own result it changes nothing.</summary>
public sealed class SidecarInjector
{
    /// <summary>The name of the proxy's container.</summary>
    public const string ContainerName = "mesh-proxy";

    /// <summary>Which container <c>kubectl logs</c> and <c>exec</c> choose where none is named.</summary>
    private const string DefaultContainerAnnotation = "kubectl.kubernetes.io/default-container";

    private const string UnprivilegedPortSysctl = "net.ipv4.ip_unprivileged_port_start";
    private const int FirstUnprivilegedPort = 1024;

    private static readonly string[] WrittenAnnotations =
    [
        MeshNames.StatusAnnotation,
        MeshNames.ProbesAnnotation,
        MeshNames.DirectPortsAnnotation,
        MeshNames.InboundModeAnnotation,
        MeshNames.SharedLimitsAnnotation,
        MeshNames.CompletionAnnotation,
        MeshNames.NotInjectedAnnotation,
    ];

    private readonly InjectionOptions _options;

    /// <summary>Makes an injector.</summary>
    public SidecarInjector(InjectionOptions options) => _options = options;

    /// <summary>The image of sidecars whose pods choose no other.</summary>
    public string ProxyImage => _options.ProxyImage;

    /// <summary>Whether a pod has the sidecar: the container counts, as anybody can set a label.</summary>
    public static bool IsInjected(V1Pod pod) =>
        pod.Spec is { } spec && (spec.Containers ?? []).Concat(spec.InitContainers ?? []).Any(c => c.Name == ContainerName);

    /// <summary>Whether a container runs with the ID by which the redirection rules know the proxy.</summary>
    public static bool IsProxyUser(V1LinuxContainerUser? user) =>
        user is not null
        && (
            user.Uid == ProxyContainer.User
            || user.Gid == ProxyContainer.User
            || user.SupplementalGroups?.Contains(ProxyContainer.User) == true
        );

    /// <summary>What keeps a pod from working with the sidecar, that it has or would get.</summary>
    public IEnumerable<string> FindWarnings(V1Pod pod) => NameResolution.Warnings(pod.Spec, _options.DiscoveryAddress);

    /// <summary>Adds the sidecar to a pod that was selected for it, unless it is not eligible.</summary>
    /// <param name="pod">Changed in place.</param>
    /// <param name="ns">The pod's namespace, which a pod that is being created may lack.</param>
    public InjectionOutcome Inject(V1Pod pod, string ns)
    {
        if (Eligibility.WhyNot(pod, ns, _options) is { } reason)
            return InjectionOutcome.Skip(reason);
        if (Eligibility.WhyImpossible(pod) is { } obstacle)
        {
            Annotate(pod, MeshNames.NotInjectedAnnotation, obstacle);
            return InjectionOutcome.Skip(obstacle);
        }

        var (settings, problem) = SidecarSettings.Read(pod.Metadata?.Annotations, _options);
        if (problem is not null)
            return InjectionOutcome.Refuse(problem);
        if (Eligibility.WhyRefused(pod) is { } refusal)
            return InjectionOutcome.Refuse(refusal);
        string[] warnings = [.. Warnings(pod, settings!), .. FindWarnings(pod)];
        Add(pod, ns, settings!);
        return InjectionOutcome.Done() with { Warnings = warnings };
    }

    private void Add(V1Pod pod, string ns, SidecarSettings settings)
    {
        var serviceAccount = string.IsNullOrEmpty(pod.Spec.ServiceAccountName) ? "default" : pod.Spec.ServiceAccountName;
        pod.Metadata ??= new V1ObjectMeta();
        pod.Metadata.Labels ??= new Dictionary<string, string>();
        pod.Metadata.Labels[MeshNames.ProxyLabel] = MeshNames.ProxyEnvoy;

        var probes = ProbeRewriter.Rewrite(pod.Spec, settings);
        if (probes.Originals.Count > 0)
            Annotate(pod, MeshNames.ProbesAnnotation, probes.Originals.ToJsonString());
        var isEndedByOperator = CompletionListener.IsNeeded(pod, settings);
        if (isEndedByOperator)
            Annotate(pod, MeshNames.CompletionAnnotation, MeshNames.CompletedByOperator);
        var bootstrap = ProxyBootstrap.Create(
            ns,
            serviceAccount,
            pod.Metadata.Labels,
            _options.DiscoveryAddress,
            settings,
            probes.Probes,
            isEndedByOperator ? _options.OperatorIdentity : null
        );
        AddContainers(pod, ProxyContainer.Create(pod, ns, serviceAccount, settings, bootstrap, _options.KubernetesVersion), settings);
        PodResources.Add(pod.Spec, settings.Resources);
        pod.Spec.Volumes = [.. pod.Spec.Volumes ?? [], .. SidecarVolumes.Create()];
        foreach (var secret in settings.ImagePullSecrets.Where(name => pod.Spec.ImagePullSecrets?.Any(s => s.Name == name) != true))
            pod.Spec.ImagePullSecrets = [.. pod.Spec.ImagePullSecrets ?? [], new V1LocalObjectReference { Name = secret }];
        if (settings.BindsInbound)
            BindInbound(pod);
        if (settings is { Interception: Interception.None, BindsInbound: false })
            Annotate(pod, MeshNames.DirectPortsAnnotation, MeshNames.AllPorts);
        else if (settings.ExcludedInboundPorts.Count > 0)
            Annotate(pod, MeshNames.DirectPortsAnnotation, string.Join(',', settings.ExcludedInboundPorts));
        Annotate(pod, MeshNames.SharedLimitsAnnotation, "true");
        Annotate(pod, MeshNames.StatusAnnotation, Status(settings));
    }

    /// <summary>What the pod then is, whatever the operator's settings or the pod's annotations become: its application listens as it was
    /// set to when it was admitted. Only root may listen at low ports, unless the pod's own network says otherwise, which Pod Security
    /// <c>restricted</c> allows.</summary>
    private static void BindInbound(V1Pod pod)
    {
        Annotate(pod, MeshNames.InboundModeAnnotation, MeshNames.InboundProxy);
        var ports = pod.Spec.Containers.Concat(pod.Spec.InitContainers ?? []).SelectMany(container => container.Ports ?? []);
        if (!ports.Any(port => port.ContainerPort < FirstUnprivilegedPort))
            return;
        pod.Spec.SecurityContext ??= new V1PodSecurityContext();
        if (pod.Spec.SecurityContext.Sysctls?.Any(sysctl => sysctl.Name == UnprivilegedPortSysctl) != true)
        {
            pod.Spec.SecurityContext.Sysctls =
            [
                .. pod.Spec.SecurityContext.Sysctls ?? [],
                new V1Sysctl { Name = UnprivilegedPortSysctl, Value = "0" },
            ];
        }
    }

    /// <summary>A native sidecar comes before all that may need the network, and after the rules that lead to it. A classic one starts only
    /// when the init containers are done, so the rules come after those, which would else lead them nowhere.</summary>
    private void AddContainers(V1Pod pod, V1Container proxy, SidecarSettings settings)
    {
        V1Container[] capture =
            settings.Interception == Interception.Redirect ? [CaptureContainer.Create(settings, _options.InitImage)] : [];
        if (settings.IsNative)
        {
            pod.Spec.InitContainers = [.. capture, proxy, .. pod.Spec.InitContainers ?? []];
            return;
        }

        if (capture.Length > 0)
            pod.Spec.InitContainers = [.. pod.Spec.InitContainers ?? [], .. capture];
        if (pod.Metadata.Annotations?.ContainsKey(DefaultContainerAnnotation) != true)
            Annotate(pod, DefaultContainerAnnotation, pod.Spec.Containers[0].Name);
        pod.Spec.Containers = [proxy, .. pod.Spec.Containers];
    }

    private string Status(SidecarSettings settings)
    {
        var capture = settings.Interception == Interception.Redirect ? new[] { CaptureContainer.Name } : [];
        string[] initContainers = settings.IsNative ? [.. capture, ContainerName] : capture;
        string[] containers = settings.IsNative ? [] : [ContainerName];
        return new JsonObject
        {
            ["version"] = _options.Version,
            ["initContainers"] = Names(initContainers),
            ["containers"] = Names(containers),
            ["volumes"] = Names(SidecarVolumes.Names),
            ["interception"] = ProxyBootstrap.ToWord(settings.Interception),
        }.ToJsonString();
    }

    private static IEnumerable<string> Warnings(V1Pod pod, SidecarSettings settings)
    {
        const string prefix = MeshNames.Group + "/";
        foreach (
            var name in (pod.Metadata?.Annotations?.Keys ?? [])
                .Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
                .Order(StringComparer.Ordinal)
        )
        {
            if (name == MeshNames.InjectLabel)
                yield return $"metadata.annotations[{name}]: this is a label, and has no effect as an annotation";
            else if (!SidecarAnnotations.All.Contains(name) && !WrittenAnnotations.Contains(name))
                yield return $"metadata.annotations[{name}]: this setting does not exist; use one of "
                    + $"{string.Join(", ", SidecarAnnotations.All.Select(known => known[prefix.Length..]))}";
        }

        if (pod.Metadata?.Labels is { } labels && labels.TryGetValue(MeshNames.InjectLabel, out var wish) && wish != "true")
            yield return $"metadata.labels[{MeshNames.InjectLabel}]: '{wish}' is neither \"true\" nor \"false\" and has no effect";
        if (!settings.IsNative && pod.Spec.RestartPolicy is "Never" or "OnFailure" && !CompletionListener.IsNeeded(pod, settings))
            yield return "spec.containers: the pod does not complete by itself, because a container has a restartPolicy of its own and the "
                + $"sidecar keeps running; use a native sidecar ({SidecarAnnotations.NativeSidecar}), which ends with the pod";
    }

    private static JsonArray Names(params string[] names) => new([.. names.Select(name => JsonValue.Create(name))]);

    private static void Annotate(V1Pod pod, string name, string value)
    {
        pod.Metadata ??= new V1ObjectMeta();
        pod.Metadata.Annotations ??= new Dictionary<string, string>();
        pod.Metadata.Annotations[name] = value;
    }
}
