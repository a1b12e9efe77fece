namespace MeshOperator.Api;

/// <summary>The addresses from which a proxy calls the application of its own pod. By them the redirection rules know such connections
/// (<c>operator/init/capture.sh</c>) and let them pass.</summary>
public static class ProxySource
{
    /// <summary>For IPv4.</summary>
    public const string Ipv4 = "127.0.0.6";

    /// <summary>For IPv6.</summary>
    public const string Ipv6 = "::6";
}
