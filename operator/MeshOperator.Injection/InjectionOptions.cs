namespace MeshOperator.Injection;

/// <summary>What every sidecar has in common. What an annotation can also say is text here, so that both are read by the same
/// rules.</summary>
public sealed record InjectionOptions
{
    private static readonly string OwnVersion = typeof(InjectionOptions).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    /// <summary>The proxy's image.</summary>
    public string ProxyImage { get; init; } = EnvoyReleases.DefaultImage;

    /// <summary>The image of the init container that sets the redirection rules.</summary>
    public string InitImage { get; init; } = $"ghcr.io/meshoperator/mesh-init:{OwnVersion}";

    /// <summary>Where proxies find the operator, <c>host:port</c> of ADS over TLS.</summary>
    public string DiscoveryAddress { get; init; } = "mesh-operator.mesh-system.svc:15012";

    /// <summary>The operator's own namespace, whose pods are never injected.</summary>
    public string OperatorNamespace { get; init; } = "mesh-system";

    /// <summary>The SPIFFE identity of the operator, which alone may order proxies to end.</summary>
    public string OperatorIdentity { get; init; } = "spiffe://cluster.local/ns/mesh-system/sa/mesh-operator";

    /// <summary>The CPU request.</summary>
    public string ProxyCpu { get; init; } = "50m";

    /// <summary>The memory request.</summary>
    public string ProxyMemory { get; init; } = "80Mi";

    /// <summary>The CPU limit; empty for none.</summary>
    public string ProxyCpuLimit { get; init; } = string.Empty;

    /// <summary>The memory limit; empty for none.</summary>
    public string ProxyMemoryLimit { get; init; } = string.Empty;

    /// <summary>The init container's CPU request; empty for the proxy's.</summary>
    public string InitCpu { get; init; } = string.Empty;

    /// <summary>The init container's memory request; empty for the proxy's.</summary>
    public string InitMemory { get; init; } = string.Empty;

    /// <summary>The init container's CPU limit; empty for the proxy's.</summary>
    public string InitCpuLimit { get; init; } = string.Empty;

    /// <summary>The init container's memory limit; empty for the proxy's.</summary>
    public string InitMemoryLimit { get; init; } = string.Empty;

    /// <summary>How many worker threads the proxy has; empty for as many as its CPU limit, rounded up, or 2 without one.</summary>
    public string ProxyConcurrency { get; init; } = string.Empty;

    /// <summary>Beginnings of the names of statistics that the proxy keeps besides the usual ones, separated by commas; <c>*</c> for
    /// all.</summary>
    public string ProxyStatistics { get; init; } = string.Empty;

    /// <summary>How many headers a request or a response may have. Envoy by itself takes 100.</summary>
    public string ProxyMaxHeaders { get; init; } = "500";

    /// <summary>How many KiB the headers of a request or a response may have together. Envoy by itself takes 60.</summary>
    public string ProxyMaxHeaderKib { get; init; } = "96";

    /// <summary>How long the proxy keeps an unused connection to its application.</summary>
    public string ApplicationIdleTimeout { get; init; } = "1s";

    /// <summary>How long the proxy waits for a connection to its application.</summary>
    public string ApplicationConnectTimeout { get; init; } = "5s";

    /// <summary>How many connections the proxy has open to each port of its application; empty for no bound.</summary>
    public string ApplicationMaxConnections { get; init; } = string.Empty;

    /// <summary>After how many requests the proxy closes a connection to its application; empty for never.</summary>
    public string ApplicationRequestsPerConnection { get; init; } = string.Empty;

    /// <summary>What the proxy logs about itself: trace, debug, info, warning, error, critical or off.</summary>
    public string ProxyLogLevel { get; init; } = "warning";

    /// <summary>Secrets with which the images are pulled, separated by commas.</summary>
    public string ImagePullSecrets { get; init; } = string.Empty;

    /// <summary>Ports of pods that proxies leave alone, separated by commas.</summary>
    public string ExcludeInboundPorts { get; init; } = string.Empty;

    /// <summary>Ports that pods reach without the proxy, separated by commas.</summary>
    public string ExcludeOutboundPorts { get; init; } = string.Empty;

    /// <summary>Networks that pods reach without the proxy, separated by commas.</summary>
    public string ExcludeOutboundCidrs { get; init; } = string.Empty;

    /// <summary>How traffic gets to the proxy: redirect, external or none.</summary>
    public string Interception { get; init; } = "redirect";

    /// <summary>How connections reach applications to which nothing is redirected: proxy or direct.</summary>
    public string Inbound { get; init; } = "direct";

    /// <summary>Whether the proxy is a native sidecar.</summary>
    public NativeSidecarMode NativeSidecars { get; init; }

    /// <summary>The API server's version; null when it is not known, which then counts as an old one.</summary>
    public KubernetesVersion? KubernetesVersion { get; init; }

    /// <summary>The operator's version, which is recorded in the pod.</summary>
    public string Version { get; init; } = OwnVersion;

    /// <summary>What is wrong with these options, or null. Else every pod would be refused for it.</summary>
    public string? Problem => Settings.SidecarSettings.Read(null, this).Problem;
}

/// <summary>When the proxy is a native sidecar: an init container that keeps running.</summary>
public enum NativeSidecarMode
{
    /// <summary>From Kubernetes 1.29 on, which has them on by default.</summary>
    Auto,

    /// <summary>Always.</summary>
    Always,

    /// <summary>Never.</summary>
    Never,
}
