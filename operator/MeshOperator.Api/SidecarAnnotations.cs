namespace MeshOperator.Api;

/// <summary>Annotations of a pod that set up its sidecar. Each wins over the operator's setting of the same kind.</summary>
public static class SidecarAnnotations
{
    /// <summary>The proxy's CPU request, a quantity.</summary>
    public const string ProxyCpu = "meshoperator.io/proxy-cpu";

    /// <summary>The proxy's memory request, a quantity.</summary>
    public const string ProxyMemory = "meshoperator.io/proxy-memory";

    /// <summary>The proxy's CPU limit, a quantity.</summary>
    public const string ProxyCpuLimit = "meshoperator.io/proxy-cpu-limit";

    /// <summary>The proxy's memory limit, a quantity.</summary>
    public const string ProxyMemoryLimit = "meshoperator.io/proxy-memory-limit";

    /// <summary>How many worker threads the proxy has.</summary>
    public const string ProxyConcurrency = "meshoperator.io/proxy-concurrency";

    /// <summary>Beginnings of the names of statistics that the proxy keeps besides the usual ones, separated by commas; <c>*</c> for all.</summary>
    public const string ProxyStatistics = "meshoperator.io/proxy-statistics";

    /// <summary>How many headers a request or a response may have.</summary>
    public const string ProxyMaxHeaders = "meshoperator.io/proxy-max-headers";

    /// <summary>How many KiB the headers of a request or a response may have together.</summary>
    public const string ProxyMaxHeaderKib = "meshoperator.io/proxy-max-header-kib";

    /// <summary>What the proxy is sent of the mesh, see <see cref="UpstreamList"/>; on a namespace, what its pods are sent that have none
    /// of their own.</summary>
    public const string Upstreams = "meshoperator.io/upstreams";

    /// <summary>The proxy's image.</summary>
    public const string ProxyImage = "meshoperator.io/proxy-image";

    /// <summary>Secrets of the pod's namespace with which the images are pulled, separated by commas.</summary>
    public const string ImagePullSecrets = "meshoperator.io/image-pull-secrets";

    /// <summary>What the proxy logs about itself: trace, debug, info, warning, error, critical or off.</summary>
    public const string ProxyLogLevel = "meshoperator.io/proxy-log-level";

    /// <summary>Ports of the pod that the proxy leaves alone, separated by commas.</summary>
    public const string ExcludeInboundPorts = "meshoperator.io/exclude-inbound-ports";

    /// <summary>Ports of others that the pod reaches without the proxy, separated by commas.</summary>
    public const string ExcludeOutboundPorts = "meshoperator.io/exclude-outbound-ports";

    /// <summary>Networks that the pod reaches without the proxy, for example <c>10.1.0.0/16</c>, separated by commas.</summary>
    public const string ExcludeOutboundCidrs = "meshoperator.io/exclude-outbound-cidrs";

    /// <summary>Whether the proxy is a native sidecar: <c>"true"</c> or <c>"false"</c>.</summary>
    public const string NativeSidecar = "meshoperator.io/native-sidecar";

    /// <summary>How traffic gets to the proxy: <c>redirect</c> (by an init container), <c>cni</c> (by a plugin of the node's network)
    /// or <c>none</c> (it does not: the proxy only runs beside the application).</summary>
    public const string Interception = "meshoperator.io/interception";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        ProxyCpu, ProxyMemory, ProxyCpuLimit, ProxyMemoryLimit, ProxyConcurrency, ProxyStatistics, ProxyMaxHeaders, ProxyMaxHeaderKib, ProxyImage,
        ImagePullSecrets, ProxyLogLevel, ExcludeInboundPorts, ExcludeOutboundPorts, ExcludeOutboundCidrs, NativeSidecar, Interception, Upstreams,
    ];
}
