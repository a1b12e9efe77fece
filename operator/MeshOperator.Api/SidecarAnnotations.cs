namespace MeshOperator.Api;

/// <summary>Annotations of a pod that set up its sidecar.</summary>
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

    /// <summary>What the proxy is sent of the mesh, see <see cref="UpstreamList"/>; on a namespace, what its pods are sent that have none
    /// of their own.</summary>
    public const string Upstreams = "meshoperator.io/upstreams";

    /// <summary>The proxy's image.</summary>
    public const string ProxyImage = "meshoperator.io/proxy-image";
}
