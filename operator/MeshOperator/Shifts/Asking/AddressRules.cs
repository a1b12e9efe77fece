using System.Net;
using System.Net.Sockets;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Shifts.Asking;

/// <summary>Addresses that no check may ask, whatever name led to them. Pure.</summary>
internal static class AddressRules
{
    private static readonly IPNetwork[] Forbidden =
    [
        IPNetwork.Parse("0.0.0.0/8"),
        IPNetwork.Parse("127.0.0.0/8"),
        IPNetwork.Parse("169.254.0.0/16"),
        IPNetwork.Parse("224.0.0.0/4"),
        IPNetwork.Parse("240.0.0.0/4"),
        IPNetwork.Parse("::/127"),
        IPNetwork.Parse("fe80::/10"),
        IPNetwork.Parse("fec0::/10"),
        IPNetwork.Parse("ff00::/8"),
        // The metadata service of a cloud.
        IPNetwork.Parse("fd00:ec2::254/128"),
    ];

    /// <summary>Ways to write an IPv4 address as one of IPv6: NAT64 and 6to4.</summary>
    private static readonly (IPNetwork Network, int At)[] Embedding =
    [
        (IPNetwork.Parse("64:ff9b::/96"), 12),
        (IPNetwork.Parse("2002::/16"), 2),
    ];

    /// <summary>Why an address may not be asked; null when it may.</summary>
    /// <param name="address">The address.</param>
    /// <param name="apiServer">Those of the API server.</param>
    public static string? FindRefusal(IPAddress address, IReadOnlySet<IPAddress> apiServer)
    {
        var plain = Unwrap(address);
        if (apiServer.Contains(plain))
            return $"{address} is the API server's address";
        return Array.Exists(Forbidden, network => network.Contains(plain))
            ? $"{address} is a loopback, link-local or special address"
            : null;
    }

    /// <summary>The API server's addresses: those of the Service <c>kubernetes</c>, and that by which the operator reaches it.</summary>
    public static IReadOnlySet<IPAddress> FindApiServer(ClusterSnapshot snapshot, Uri? server)
    {
        const string name = "kubernetes";
        var service = new ObjectName("default", name);
        var texts = snapshot.Services.TryGetValue(service, out var known) ? known.ClusterIps.AsEnumerable() : [];
        var slices = snapshot.EndpointSlices.Where(slice => slice.Key.Namespace == service.Namespace && slice.Value.Service == name);
        return texts
            .Concat(slices.SelectMany(slice => slice.Value.Endpoints).SelectMany(endpoint => endpoint.Addresses))
            .Append(server?.IdnHost ?? string.Empty)
            .Select(text => IPAddress.TryParse(text, out var address) ? Unwrap(address) : null)
            .OfType<IPAddress>()
            .ToHashSet();
    }

    private static IPAddress Unwrap(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4();
        if (address.AddressFamily is not AddressFamily.InterNetworkV6)
            return address;
        var embedding = Array.Find(Embedding, known => known.Network.Contains(address));
        return embedding.At == 0 ? address : new IPAddress(address.GetAddressBytes().AsSpan(embedding.At, 4));
    }
}
