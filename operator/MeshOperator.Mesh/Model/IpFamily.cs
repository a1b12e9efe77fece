namespace MeshOperator.Mesh.Model;

/// <summary>The family of an IP address.</summary>
public static class IpFamily
{
    /// <summary>Whether an address in text is of IPv6.</summary>
    public static bool IsIpv6(string address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.Contains(':', StringComparison.Ordinal);
    }

    /// <summary>An address as it stands before a port: one of IPv6 in brackets.</summary>
    public static string AsHost(string address) => IsIpv6(address) ? $"[{address}]" : address;
}
