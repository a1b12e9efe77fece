namespace MeshOperator.Injection;

/// <summary>What every sidecar has in common.</summary>
public sealed record InjectionOptions
{
    /// <summary>The proxy's image, unless a pod's annotation names another.</summary>
    public string ProxyImage { get; init; } = "docker.io/envoyproxy/envoy:v1.34.1";

    /// <summary>Where proxies find the operator, <c>host:port</c> of ADS over TLS.</summary>
    public string DiscoveryAddress { get; init; } = "mesh-operator.mesh-system.svc:15012";

    /// <summary>The CPU request, unless a pod's annotation names another.</summary>
    public string ProxyCpu { get; init; } = "50m";

    /// <summary>The memory request, unless a pod's annotation names another.</summary>
    public string ProxyMemory { get; init; } = "64Mi";

    /// <summary>The operator's version, which is recorded in the pod.</summary>
    public string Version { get; init; } = typeof(InjectionOptions).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";
}
