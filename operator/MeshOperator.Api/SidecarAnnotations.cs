namespace MeshOperator.Api;

/// <summary>Annotations of a pod that configure its sidecar. Each takes precedence over the operator's setting of the same kind.</summary>
public static class SidecarAnnotations
{
    /// <summary>CPU request of the proxy, a Kubernetes quantity, for example <c>100m</c>.</summary>
    public const string ProxyCpu = "meshoperator.io/proxy-cpu";

    /// <summary>Memory request of the proxy, a Kubernetes quantity, for example <c>128Mi</c>.</summary>
    public const string ProxyMemory = "meshoperator.io/proxy-memory";

    /// <summary>CPU limit of the proxy, a Kubernetes quantity. Without one the proxy has no CPU limit.</summary>
    public const string ProxyCpuLimit = "meshoperator.io/proxy-cpu-limit";

    /// <summary>Memory limit of the proxy, a Kubernetes quantity. It also bounds the proxy's heap and connections.</summary>
    public const string ProxyMemoryLimit = "meshoperator.io/proxy-memory-limit";

    /// <summary>CPU request of the init container that sets the redirection rules. By default that of the proxy, which costs nothing: the
    /// init container has ended before the proxy's own request counts.</summary>
    public const string InitCpu = "meshoperator.io/init-cpu";

    /// <summary>Memory request of the init container. By default that of the proxy.</summary>
    public const string InitMemory = "meshoperator.io/init-memory";

    /// <summary>CPU limit of the init container. By default that of the proxy.</summary>
    public const string InitCpuLimit = "meshoperator.io/init-cpu-limit";

    /// <summary>Memory limit of the init container. By default that of the proxy.</summary>
    public const string InitMemoryLimit = "meshoperator.io/init-memory-limit";

    /// <summary>Worker threads of the proxy, 1 to 128. By default the CPU limit rounded up, or 2 without a limit.</summary>
    public const string ProxyConcurrency = "meshoperator.io/proxy-concurrency";

    /// <summary>Prefixes of the names of further statistics to keep, separated by commas, for example <c>cluster.outbound/80/shop/web.</c>;
    /// <c>*</c> keeps all.</summary>
    public const string ProxyStatistics = "meshoperator.io/proxy-statistics";

    /// <summary>Maximum number of headers of a request or a response, 100 to 10000.</summary>
    public const string ProxyMaxHeaders = "meshoperator.io/proxy-max-headers";

    /// <summary>Maximum size in KiB of all headers of a request or a response, 60 to 8192.</summary>
    public const string ProxyMaxHeaderKib = "meshoperator.io/proxy-max-header-kib";

    /// <summary>How long the proxy keeps an unused connection to the application, a duration. It must be shorter than the application's own
    /// keep-alive timeout. <c>0s</c> keeps it for ever.</summary>
    public const string ApplicationIdleTimeout = "meshoperator.io/application-idle-timeout";

    /// <summary>How long the proxy waits for a connection to the application, a duration.</summary>
    public const string ApplicationConnectTimeout = "meshoperator.io/application-connect-timeout";

    /// <summary>Maximum number of connections that the proxy has open to each port of the application, 1 to 1000000; requests beyond them
    /// wait. Each worker thread of the proxy may have one.</summary>
    public const string ApplicationMaxConnections = "meshoperator.io/application-max-connections";

    /// <summary>Number of requests after which the proxy closes a connection to the application, 1 to 1000000. <c>1</c> is for servers that
    /// close connections without a keep-alive timeout that can be known.</summary>
    public const string ApplicationRequestsPerConnection = "meshoperator.io/application-requests-per-connection";

    /// <summary>Services that the pod calls, separated by commas. Its proxy is sent these and the backends of their splits. Each item is
    /// <c>service</c>, <c>namespace/service</c>, <c>namespace/*</c>, <c>./*</c> (the own namespace) or <c>*</c> (the whole mesh).</summary>
    public const string Upstreams = "meshoperator.io/upstreams";

    /// <summary>Image of the proxy: stock Envoy 1.34 or later.</summary>
    public const string ProxyImage = "meshoperator.io/proxy-image";

    /// <summary>Secrets of the pod's namespace to pull the images with, separated by commas.</summary>
    public const string ImagePullSecrets = "meshoperator.io/image-pull-secrets";

    /// <summary>Log level of the proxy: <c>trace</c>, <c>debug</c>, <c>info</c>, <c>warning</c>, <c>error</c>, <c>critical</c> or
    /// <c>off</c>.</summary>
    public const string ProxyLogLevel = "meshoperator.io/proxy-log-level";

    /// <summary>Inbound ports that bypass the proxy (plaintext, no policies), separated by commas.</summary>
    public const string ExcludeInboundPorts = "meshoperator.io/exclude-inbound-ports";

    /// <summary>Outbound ports that bypass the proxy, separated by commas.</summary>
    public const string ExcludeOutboundPorts = "meshoperator.io/exclude-outbound-ports";

    /// <summary>Outbound networks that bypass the proxy, separated by commas, for example <c>10.1.0.0/16,fd00::/8</c>.</summary>
    public const string ExcludeOutboundCidrs = "meshoperator.io/exclude-outbound-cidrs";

    /// <summary>Whether the proxy is a native sidecar: <c>"true"</c> or <c>"false"</c>. By default it is one from Kubernetes 1.29
    /// on.</summary>
    public const string NativeSidecar = "meshoperator.io/native-sidecar";

    /// <summary>How traffic reaches the proxy: <c>redirect</c> (an init container sets the rules), <c>external</c> (something on the
    /// node does, such as a CNI plugin; MeshOperator has none) or <c>none</c> (the proxy is an explicit HTTP proxy). <c>cni</c> is an
    /// older word for <c>external</c>.</summary>
    public const string Interception = "meshoperator.io/interception";

    /// <summary>Without interception, how connections reach the application: <c>proxy</c> (the proxy listens on the pod's address at each
    /// declared port, and the application on loopback at the same port) or <c>direct</c> (they bypass the proxy).</summary>
    public const string Inbound = "meshoperator.io/inbound";

    /// <summary>Without interception, ports on loopback that lead to services, for applications that cannot use an HTTP proxy: items
    /// <c>local port=service:port</c> or <c>local port=service.namespace:port</c>, separated by commas, for example
    /// <c>9000=model:8500,5432=db.data:5432</c>.</summary>
    public const string LocalPorts = "meshoperator.io/local-ports";

    /// <summary>With <c>inbound: proxy</c>, the loopback address on which the application listens. By default <c>127.0.0.1</c>.</summary>
    public const string ApplicationAddress = "meshoperator.io/application-address";

    /// <summary>Without interception, the loopback address on which the proxy listens for the application's requests. By default
    /// <c>127.0.0.1</c>.</summary>
    public const string ProxyAddress = "meshoperator.io/proxy-address";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        ProxyCpu,
        ProxyMemory,
        ProxyCpuLimit,
        ProxyMemoryLimit,
        InitCpu,
        InitMemory,
        InitCpuLimit,
        InitMemoryLimit,
        ProxyConcurrency,
        ProxyStatistics,
        ProxyMaxHeaders,
        ProxyMaxHeaderKib,
        ApplicationIdleTimeout,
        ApplicationConnectTimeout,
        ApplicationMaxConnections,
        ApplicationRequestsPerConnection,
        ProxyImage,
        ImagePullSecrets,
        ProxyLogLevel,
        ExcludeInboundPorts,
        ExcludeOutboundPorts,
        ExcludeOutboundCidrs,
        NativeSidecar,
        Interception,
        Inbound,
        LocalPorts,
        ApplicationAddress,
        ProxyAddress,
        Upstreams,
    ];
}
