namespace MeshOperator.Injection;

/// <summary>The ports of a proxy that its bootstrap opens.</summary>
internal static class ProxyPort
{
    public const int Admin = 15000;
    public const int Probes = 15020;
    public const int Readiness = 15021;
    public const int Prometheus = 15090;

    /// <summary>The range within which all ports of the proxy are.</summary>
    public static bool Is(int port) => port is >= Admin and <= Prometheus;
}
