using System.Globalization;

namespace MeshOperator.Mesh.Model;

/// <summary>A pod with a proxy.</summary>
public sealed record MeshWorkload
{
    /// <summary>Its namespace and pod name, of which the node id is made.</summary>
    public required WorkloadName Name { get; init; }

    /// <summary>The pod's service account.</summary>
    public required string ServiceAccount { get; init; }

    /// <summary>Its SPIFFE identity, <c>spiffe://trust-domain/ns/namespace/sa/service-account</c>.</summary>
    public required string Identity { get; init; }

    /// <summary>Where it runs.</summary>
    public ProxyPlace Place { get; init; } = ProxyPlace.Unknown;

    /// <summary>The services whose configuration is sent to its proxy, with the backends of their routes; null means all of the
    /// mesh.</summary>
    public UpstreamScope? Scope { get; init; }

    /// <summary>Where its proxy listens for the application, which calls it by itself; null where connections are redirected to
    /// it.</summary>
    public ExplicitProxySettings? ExplicitProxy { get; init; }

    /// <summary>With which pods it shares rate limits; null where it counts alone.</summary>
    public LimitGroup? Sharing { get; init; }

    /// <summary>What its proxy does with connections that arrive. Many workloads share an equal profile.</summary>
    public required InboundProfile Inbound { get; init; }
}

/// <summary>Where a proxy runs.</summary>
/// <param name="Node">The node, or null when it is not known or does not matter.</param>
/// <param name="Zone">The node's zone, or null when it is not known or does not matter.</param>
/// <param name="Part">The part of <see cref="EndpointParts"/> that its pod is in, or null when it does not matter.</param>
public sealed record ProxyPlace(string? Node, string? Zone, int? Part)
{
    /// <summary>Of which nothing is known.</summary>
    public static ProxyPlace Unknown { get; } = new(null, null, null);

    /// <summary>What of the place matters.</summary>
    /// <param name="nodes">The nodes that matter.</param>
    /// <param name="zones">The zones that matter.</param>
    /// <param name="byPart">Whether the part matters.</param>
    public ProxyPlace Narrow(IReadOnlySet<string> nodes, IReadOnlySet<string> zones, bool byPart)
    {
        ArgumentNullException.ThrowIfNull(nodes);
        ArgumentNullException.ThrowIfNull(zones);
        return new ProxyPlace(
            Node is { } node && nodes.Contains(node) ? node : null,
            Zone is { } zone && zones.Contains(zone) ? zone : null,
            byPart ? Part : null
        );
    }
}

/// <summary>Pods that hold rate limits together.</summary>
/// <param name="Name">The same for all of them.</param>
/// <param name="Addresses">Those that are ready, an address each, ordered.</param>
public sealed record LimitGroup(string Name, ValueList<string> Addresses);

/// <summary>What a proxy does with connections that arrive.</summary>
/// <param name="DefaultMode">For ports that are not listed.</param>
/// <param name="Ports">The ports of which something is known, ordered by number.</param>
/// <param name="Policies">The policies whose effect is in this profile.</param>
public sealed record InboundProfile(MtlsMode DefaultMode, ValueList<InboundPort> Ports, ValueList<PolicyKey> Policies)
{
    /// <summary>Of a workload whose connections do not arrive at its proxy.</summary>
    public static InboundProfile Nothing { get; } = new(MtlsMode.Disabled, [], []);

    /// <summary>Who may call the ports that are not listed; null means everybody.</summary>
    public AccessPolicy? DefaultAccess { get; init; }

    /// <summary>As <see cref="InboundPort.Revision"/>, of the ports that are not listed.</summary>
    public int DefaultRevision { get; init; }

    /// <summary>Whether the pod has an IPv6 address.</summary>
    public bool HasIpv6 { get; init; }

    /// <summary>Where the proxy listens; null where connections are redirected to it.</summary>
    public InboundBinding? Binding { get; init; }

    /// <summary>The pod's address, where connections to the application are bounded; null elsewhere, so that pods share profiles.</summary>
    public string? BoundedAddress { get; init; }

    /// <summary>How many worker threads the proxy has. Each has connections of its own.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>How the proxy connects to the application.</summary>
    public ApplicationConnection Application { get; init; } = ApplicationConnection.Default;

    /// <summary>Bounds on the mutual TLS of all ports.</summary>
    public TlsBounds Tls { get; init; } = TlsBounds.Default;

    /// <summary>The mode of a port, listed or not.</summary>
    public MtlsMode GetMode(int port) => Find(port)?.Mode ?? DefaultMode;

    /// <summary>What is known of a port; null when it is not listed.</summary>
    public InboundPort? Find(int port)
    {
        foreach (var listed in Ports)
        {
            if (listed.Port == port)
                return listed;
        }

        return null;
    }
}

/// <summary>One port on which a workload serves.</summary>
/// <param name="Port">The target port in the pod.</param>
/// <param name="Protocol">How its bytes are understood.</param>
/// <param name="Mode">Whether it takes mutual TLS, plaintext or both.</param>
/// <param name="Access">Who may call it; null means everybody.</param>
public sealed record InboundPort(int Port, PortProtocol Protocol, MtlsMode Mode, AccessPolicy? Access = null)
{
    /// <summary>Bounds on the HTTP requests that it takes; a request must be within all that match it.</summary>
    public ValueList<RequestLimit> Limits { get; init; } = [];

    /// <summary>How many requests the application handles at once; null means any number.</summary>
    public RequestQueue? Queue { get; init; }

    /// <summary>How often some caller of bytes has lost its permission. Connections of bytes that were opened under an earlier revision are
    /// ended, as a proxy judges them once and not again.</summary>
    public int Revision { get; init; }

    /// <summary>How often a change of access rules was to end the requests and streams in flight; see
    /// <see cref="AccessPolicy.EndsOpenStreams"/>.</summary>
    public int StreamRevision { get; init; }

    /// <summary>Whether nothing but bytes is known of what arrives. Where mutual TLS is disabled, undeclared ports are not looked at, as
    /// their servers may speak first.</summary>
    public static bool IsBytes(PortProtocol protocol, MtlsMode mode) =>
        protocol is PortProtocol.Tcp || (protocol is PortProtocol.Detect && mode is MtlsMode.Disabled);
}

/// <summary>Bounds the requests of a proxy by a token bucket.</summary>
/// <param name="Policy">Whose it is.</param>
/// <param name="Index">Which of the policy's limits it is.</param>
/// <param name="Requests">How many in each <paramref name="Unit"/>, at least 1.</param>
/// <param name="Unit">At least 1 s, in whole seconds.</param>
/// <param name="Burst">How many at once after a pause, at least 1.</param>
/// <param name="Match">Which requests are counted: a path, method and headers.</param>
public sealed record RequestLimit(PolicyKey Policy, int Index, int Requests, TimeSpan Unit, int Burst, HttpMatch Match)
{
    /// <summary>How many limits of a port are kept apart, so that a change of one leaves the buckets of the others as full as they are.
    /// Those from this one on change together.</summary>
    public const int KeptApart = 4;

    /// <summary>How many clients of a limit have a bucket at a time.</summary>
    public const int MostClients = 10_000;

    /// <summary>A name for descriptors, unique within the port.</summary>
    public string Name => string.Create(CultureInfo.InvariantCulture, $"{Policy.Name}/{Index}");

    /// <summary>By what clients are known, each of which has a bucket; null where all share one.</summary>
    public LimitClient? Client { get; init; }

    /// <summary>How many tokens a request takes.</summary>
    public RequestCost Cost { get; init; } = RequestCost.One;

    /// <summary>Whether the proxy has only its part, by <see cref="MeshWorkload.Sharing"/>.</summary>
    public bool IsShared { get; init; }
}

/// <summary>By what the clients of a limit are known.</summary>
/// <param name="Header">The header that names them; null for the identity in their certificate.</param>
public sealed record LimitClient(string? Header);

/// <summary>How many tokens a request takes.</summary>
/// <param name="Requests">How many, at least 1.</param>
/// <param name="Header">A header that takes precedence where it has a number; or null.</param>
public sealed record RequestCost(int Requests, string? Header)
{
    /// <summary>As one request.</summary>
    public static RequestCost One { get; } = new(1, null);
}
