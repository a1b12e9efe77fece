using System.Collections.Immutable;
using System.Globalization;
using MeshOperator.Api;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Shifts;

namespace MeshOperator.Mesh.Snapshot;

/// <summary>What of the cluster matters to the mesh, at one moment: small records, made from Kubernetes objects at the edge.</summary>
public sealed record ClusterSnapshot
{
    /// <summary>A cluster without objects.</summary>
    public static ClusterSnapshot Empty { get; } = new();

    /// <summary>The SPIFFE trust domain.</summary>
    public string TrustDomain { get; init; } = "cluster.local";

    /// <summary>The domain of the cluster's names.</summary>
    public string ClusterDomain { get; init; } = "cluster.local";

    /// <summary>The operator's namespace, whose policies without a selector hold for the mesh.</summary>
    public string OperatorNamespace { get; init; } = "mesh-system";

    /// <summary>Whether proxies are by default sent only their own namespace's services, and not those of the whole mesh.</summary>
    public bool IsScopedToNamespace { get; init; }

    /// <summary>Whether nodes take connections to a service's address to one of its pods, as kube-proxy does it. On one machine without
    /// nodes, proxies listen at those addresses.</summary>
    public bool HasNodes { get; init; } = true;

    /// <summary>How proxies connect to their applications where a pod does not say otherwise.</summary>
    public ApplicationConnection Application { get; init; } = ApplicationConnection.Default;

    /// <summary>Namespaces that say something of the mesh; their own namespace is empty.</summary>
    public ImmutableDictionary<ObjectName, NamespaceRecord> Namespaces { get; init; } =
        ImmutableDictionary<ObjectName, NamespaceRecord>.Empty;

    /// <summary>Services.</summary>
    public ImmutableDictionary<ObjectName, ServiceRecord> Services { get; init; } = ImmutableDictionary<ObjectName, ServiceRecord>.Empty;

    /// <summary>Endpoint slices.</summary>
    public ImmutableDictionary<ObjectName, EndpointSliceRecord> EndpointSlices { get; init; } =
        ImmutableDictionary<ObjectName, EndpointSliceRecord>.Empty;

    /// <summary>Nodes that are in a zone; their namespace is empty.</summary>
    public ImmutableDictionary<ObjectName, NodeRecord> Nodes { get; init; } = ImmutableDictionary<ObjectName, NodeRecord>.Empty;

    /// <summary>Pods that have not finished.</summary>
    public ImmutableDictionary<ObjectName, PodRecord> Pods { get; init; } = ImmutableDictionary<ObjectName, PodRecord>.Empty;

    /// <summary>How often callers of bytes have lost permissions at a pod; see <see cref="InboundPort.Revision"/>.</summary>
    public ImmutableDictionary<ObjectName, ValueList<PortRevision>> Revisions { get; init; } =
        ImmutableDictionary<ObjectName, ValueList<PortRevision>>.Empty;

    /// <summary>How far the gradual shifts of TrafficSplits are, as their status says.</summary>
    public ImmutableDictionary<ObjectName, ValueList<ShiftProgress>> Shifts { get; init; } =
        ImmutableDictionary<ObjectName, ValueList<ShiftProgress>>.Empty;

    /// <summary>Policies of all kinds.</summary>
    public PolicySet Policies { get; init; } = PolicySet.Empty;
}

/// <summary>Names a namespaced object of a known kind. Ordered by namespace, then name, ordinally.</summary>
public readonly record struct ObjectName(string Namespace, string Name) : IComparable<ObjectName>
{
    /// <inheritdoc/>
    public int CompareTo(ObjectName other) =>
        string.CompareOrdinal(Namespace, other.Namespace) is not 0 and var order ? order : string.CompareOrdinal(Name, other.Name);

    /// <inheritdoc/>
    public override string ToString() => $"{Namespace}/{Name}";
}

/// <summary>A port of a pod and its revision.</summary>
/// <param name="Port">The port; 0 stands for those of which nothing is known.</param>
/// <param name="IsHttp">Whether it is that of requests and streams, or else that of bytes.</param>
/// <param name="Revision">At least 1.</param>
public sealed record PortRevision(int Port, bool IsHttp, int Revision);

/// <summary>A namespace.</summary>
/// <param name="Upstreams">Whose configuration is sent to its pods' proxies, unless a pod has its own list.</param>
public sealed record NamespaceRecord(string Upstreams);

/// <summary>A node.</summary>
/// <param name="Zone">Its zone.</param>
public sealed record NodeRecord(string Zone);

/// <summary>A service.</summary>
/// <param name="ClusterIps">Its cluster IPs; empty for a headless one.</param>
/// <param name="Ports">Its TCP ports.</param>
/// <param name="IsExternalName">Whether it is only a name for another host.</param>
public sealed record ServiceRecord(ValueList<string> ClusterIps, ValueList<ServicePortRecord> Ports, bool IsExternalName)
{
    /// <summary>Whether clients may only be sent to endpoints on their own node (<c>internalTrafficPolicy: Local</c>).</summary>
    public bool StaysOnNode { get; init; }

    /// <summary>Whether each client is to be kept at one endpoint (<c>sessionAffinity: ClientIP</c>).</summary>
    public bool HasClientAffinity { get; init; }

    /// <summary>Further addresses at which clients in the cluster reach it: external IPs, and those of its load balancer.</summary>
    public ValueList<string> ExternalAddresses { get; init; } = [];

    /// <summary>The host for which it is another name, or null.</summary>
    public string? ExternalName { get; init; }

    /// <summary>Whether clients find its endpoints' own addresses.</summary>
    public bool IsHeadless => ClusterIps.Count == 0 && !IsExternalName;
}

/// <summary>A port of a service.</summary>
/// <param name="Name">Its name; empty for an only port without one.</param>
/// <param name="Port">Its number.</param>
/// <param name="AppProtocol">What is declared of its protocol, or null.</param>
public sealed record ServicePortRecord(string Name, int Port, string? AppProtocol);

/// <summary>A part of a service's endpoints.</summary>
/// <param name="Service">The service's name, in the slice's namespace.</param>
/// <param name="Ports">Name and number of the target ports.</param>
/// <param name="Endpoints">The endpoints.</param>
public sealed record EndpointSliceRecord(string Service, ValueList<SlicePort> Ports, ValueList<EndpointRecord> Endpoints);

/// <summary>A target port.</summary>
public sealed record SlicePort(string Name, int Port);

/// <summary>An endpoint.</summary>
/// <param name="Addresses">Its IP addresses; all but the first stand for the same endpoint.</param>
/// <param name="IsReady">Whether it takes traffic.</param>
/// <param name="Pod">The name of the pod behind it, or null where the slice does not say so.</param>
/// <param name="Zone">Its zone, or null.</param>
public sealed record EndpointRecord(ValueList<string> Addresses, bool IsReady, string? Pod, string? Zone)
{
    /// <summary>The pod's namespace; null for the slice's own.</summary>
    public string? PodNamespace { get; init; }

    /// <summary>The host name by which DNS knows it within a headless service, or null.</summary>
    public string? Hostname { get; init; }

    /// <summary>The node on which it runs, or null.</summary>
    public string? Node { get; init; }

    /// <summary>The nodes whose clients it is for, as the slice's hints say; empty without hints.</summary>
    public ValueList<string> ForNodes { get; init; } = [];

    /// <summary>The zones whose clients it is for, as the slice's hints say; empty without hints.</summary>
    public ValueList<string> ForZones { get; init; } = [];

    /// <summary>Whether it is ending but still answers, so that it takes traffic where nothing is ready.</summary>
    public bool IsServingTerminating { get; init; }
}

/// <summary>A pod.</summary>
/// <param name="ServiceAccount">Its service account's name.</param>
/// <param name="HasProxy">Whether the sidecar was injected.</param>
/// <param name="Labels">Its labels, ordered by name.</param>
public sealed record PodRecord(string ServiceAccount, bool HasProxy, ValueList<KeyValuePair<string, string>> Labels)
{
    /// <summary>Whose configuration is sent to its proxy; null when it does not say so.</summary>
    public string? Upstreams { get; init; }

    /// <summary>Whether its proxy can share rate limits with other pods.</summary>
    public bool CanShareLimits { get; init; }

    /// <summary>Whether one of its addresses is of IPv6.</summary>
    public bool HasIpv6 { get; init; }

    /// <summary>The ports whose connections do not pass its proxy: numbers separated by commas, or <c>*</c>; null when all do.</summary>
    public string? DirectPorts { get; init; }

    /// <summary>The TCP ports that its containers declare; they may serve others.</summary>
    public ValueList<int> ContainerPorts { get; init; } = [];

    /// <summary>The node on which it runs; null until it has one.</summary>
    public string? Node { get; init; }

    /// <summary>Its first address; null until it has one.</summary>
    public string? Address { get; init; }

    /// <summary>Its address of the other IP family, or null.</summary>
    public string? OtherAddress { get; init; }

    /// <summary>All of its addresses.</summary>
    public IEnumerable<string> Addresses => new[] { Address, OtherAddress }.OfType<string>();

    /// <summary>How many worker threads its proxy has.</summary>
    public int ProxyThreads { get; init; } = 1;

    /// <summary>How its proxy connects to it, as far as it says so itself; null when it does not.</summary>
    public ApplicationConnection? Application { get; init; }

    /// <summary>Where its proxy listens for it; null where connections are redirected to the proxy.</summary>
    public ExplicitProxySettings? ExplicitProxy { get; init; }

    /// <summary>Whether no connections arrive at its proxy.</summary>
    public bool IsDirectAltogether => DirectPorts == MeshNames.AllPorts;

    /// <summary>Whether connections to a port do not pass its proxy.</summary>
    public bool IsDirect(int port) =>
        IsDirectAltogether || DirectPorts?.Split(',').Contains(port.ToString(CultureInfo.InvariantCulture)) == true;
}
