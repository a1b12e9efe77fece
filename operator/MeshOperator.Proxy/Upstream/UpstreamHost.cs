using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Envoy.Config.Endpoint.V3;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Proxy.Routing;

namespace MeshOperator.Proxy.Upstream;

/// <summary>An endpoint of a cluster.</summary>
internal sealed class UpstreamHost
{
    private const string TransportSocketMatch = "envoy.transport_socket_match";
    private int _active;

    /// <summary>Makes an endpoint.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="priority">The number of its group.</param>
    public UpstreamHost(LbEndpoint endpoint, uint priority)
    {
        Priority = priority;
        var address = endpoint.Endpoint.Address.SocketAddress;
        Address = address.Address;
        Port = (int)address.PortValue;
        Weight = endpoint.LoadBalancingWeight ?? 1;
        Marks =
            endpoint.Metadata is { } metadata && metadata.FilterMetadata.TryGetValue(TransportSocketMatch, out var marks) ? marks : null;
        var isIpv6 = IPAddress.TryParse(Address, out var ip) && ip.AddressFamily is AddressFamily.InterNetworkV6;
        Authority = string.Create(CultureInfo.InvariantCulture, $"{(isIpv6 ? $"[{Address}]" : Address)}:{Port}");
        Hash = HashKey.Hash(Authority);
    }

    /// <summary>Makes the endpoint at an address.</summary>
    public static UpstreamHost Create(IPEndPoint at) =>
        new(
            new LbEndpoint
            {
                Endpoint = new Endpoint
                {
                    Address = new()
                    {
                        SocketAddress = new() { Address = at.Address.ToString(), PortValue = (uint)at.Port },
                    },
                },
            },
            priority: 0
        );

    /// <summary>The number of its group: those of a lower one come first.</summary>
    public uint Priority { get; }

    /// <summary>An IP address, or a name.</summary>
    public string Address { get; }

    /// <summary>Its port.</summary>
    public int Port { get; }

    /// <summary>Its weight among those of consistent hashing.</summary>
    public uint Weight { get; }

    /// <summary>What its metadata says of how it is connected to.</summary>
    public Struct? Marks { get; }

    /// <summary>Address and port as in a URL.</summary>
    public string Authority { get; }

    /// <summary>A hash of <see cref="Authority"/>.</summary>
    public ulong Hash { get; }

    /// <summary>Requests in flight.</summary>
    public int Active => Volatile.Read(ref _active);

    /// <summary>What is known of its failures.</summary>
    public HostHealth Health { get; private set; } = new();

    /// <summary>Notes that a request begins.</summary>
    public void Begin() => Interlocked.Increment(ref _active);

    /// <summary>Notes that a request has ended.</summary>
    public void End() => Interlocked.Decrement(ref _active);

    /// <summary>Whether it is the same endpoint, connected to in the same way.</summary>
    public bool IsSame(UpstreamHost other) =>
        Authority == other.Authority && Weight == other.Weight && Priority == other.Priority && Equals(Marks, other.Marks);
}

/// <summary>What is known of an endpoint's failures. Guarded by the detection that owns it.</summary>
internal sealed class HostHealth
{
    /// <summary>Server errors in a row.</summary>
    public int Errors { get; set; }

    /// <summary>Gateway errors in a row.</summary>
    public int GatewayErrors { get; set; }

    /// <summary>Failed connections and timeouts in a row.</summary>
    public int LocalFailures { get; set; }

    /// <summary>How often it was ejected lately.</summary>
    public int Ejections { get; set; }

    /// <summary>When it is eligible again, as a timestamp; null while it is.</summary>
    public long? EjectedUntil { get; set; }
}
