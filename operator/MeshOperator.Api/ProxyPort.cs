namespace MeshOperator.Api;

/// <summary>The ports of a sidecar's proxy.</summary>
public static class ProxyPort
{
    /// <summary>Where pages of the admin interface are read, on loopback.</summary>
    public const int Admin = 15000;

    /// <summary>Where connections that leave the pod are redirected to.</summary>
    public const int Outbound = 15001;

    /// <summary>Where connections that arrive at the pod are redirected to.</summary>
    public const int Inbound = 15006;

    /// <summary>Where the kubelet's probes are answered.</summary>
    public const int Probes = 15020;

    /// <summary>Where the proxy says whether it is ready.</summary>
    public const int Readiness = 15021;

    /// <summary>Where the operator orders the proxy to end, in pods that end by themselves.</summary>
    public const int Completion = 15022;

    /// <summary>Where metrics are read.</summary>
    public const int Prometheus = 15090;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<int> All { get; } = [Admin, Outbound, Inbound, Probes, Readiness, Completion, Prometheus];

    /// <summary>Whether a port is in the range within which all of them are.</summary>
    public static bool IsInRange(int port) => port is >= Admin and <= Prometheus;
}
