using System.Collections.Immutable;

namespace MeshOperator.Mesh.Model;

/// <summary>Everything the data plane must know, in the mesh's own terms: what stands between Kubernetes objects and Envoy
/// resources. Immutable; parts that did not change are equal to those of the model before.</summary>
/// <param name="TrustDomain">The SPIFFE trust domain, for example <c>cluster.local</c>.</param>
/// <param name="Services">All services that can be called, by name, ordered.</param>
/// <param name="Workloads">All pods with a proxy (injected, and not finished), by namespace and pod name.</param>
public sealed record MeshModel(
    string TrustDomain,
    ImmutableSortedDictionary<ServiceName, MeshService> Services,
    ImmutableDictionary<WorkloadName, MeshWorkload> Workloads
)
{
    /// <summary>The domain of the cluster's names.</summary>
    public string ClusterDomain { get; init; } = "cluster.local";

    /// <summary>Services that are only another name for one of the mesh, which is the value.</summary>
    public ImmutableSortedDictionary<ServiceName, ServiceName> Aliases { get; init; } =
        ImmutableSortedDictionary<ServiceName, ServiceName>.Empty;

    /// <summary>A mesh without services and workloads.</summary>
    public static MeshModel Empty { get; } =
        new(
            "cluster.local",
            ImmutableSortedDictionary<ServiceName, MeshService>.Empty,
            ImmutableDictionary<WorkloadName, MeshWorkload>.Empty
        );

    /// <summary>The only workloads that were added, replaced or removed since the workloads before; null when all may have been. It is no
    /// part of what the model says.</summary>
    public WorkloadChanges? Changes { get; init; }

    /// <summary>The workloads that may be others than in <paramref name="before"/>, or are only in one of the two.</summary>
    public IEnumerable<WorkloadName> FindReplaced(ImmutableDictionary<WorkloadName, MeshWorkload> before)
    {
        ArgumentNullException.ThrowIfNull(before);
        if (ReferenceEquals(before, Workloads))
            return [];
        return Changes is { } changes && ReferenceEquals(changes.Before, before) && ReferenceEquals(changes.After, Workloads)
            ? changes.Names
            : Workloads.Keys.Union(before.Keys);
    }

    /// <inheritdoc/>
    public bool Equals(MeshModel? other) =>
        other is not null && TrustDomain == other.TrustDomain && Services.Equals(other.Services) && Workloads.Equals(other.Workloads);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(TrustDomain, Services, Workloads);
}

/// <summary>What was replaced from some workloads to others.</summary>
/// <param name="Before">The workloads before.</param>
/// <param name="After">The workloads now.</param>
/// <param name="Names">The only workloads that may differ.</param>
public sealed record WorkloadChanges(
    ImmutableDictionary<WorkloadName, MeshWorkload> Before,
    ImmutableDictionary<WorkloadName, MeshWorkload> After,
    IReadOnlyCollection<WorkloadName> Names
);

/// <summary>Names a service: <c>name.namespace</c>. Ordered by namespace, then name, ordinally.</summary>
public readonly record struct ServiceName(string Namespace, string Name) : IComparable<ServiceName>
{
    /// <inheritdoc/>
    public int CompareTo(ServiceName other) =>
        string.CompareOrdinal(Namespace, other.Namespace) is not 0 and var order ? order : string.CompareOrdinal(Name, other.Name);

    /// <inheritdoc/>
    public override string ToString() => $"{Name}.{Namespace}";
}

/// <summary>Names a pod with a proxy.</summary>
public readonly record struct WorkloadName(string Namespace, string Pod)
{
    /// <summary>The Envoy node id, <c>pod.namespace</c>. A pod's name may contain dots, a namespace cannot.</summary>
    public string NodeId => $"{Pod}.{Namespace}";

    /// <summary>Reads a node id. False when it is not of the form <c>pod.namespace</c>.</summary>
    public static bool TryParseNodeId(string? nodeId, out WorkloadName name)
    {
        name = default;
        if (nodeId is null || nodeId.LastIndexOf('.') is not (> 0 and var dot) || dot == nodeId.Length - 1)
            return false;
        name = new WorkloadName(nodeId[(dot + 1)..], nodeId[..dot]);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => NodeId;
}

/// <summary>Names a policy object, for following it from the API server to the proxies' acknowledgements and back.</summary>
/// <param name="Kind">For example <c>TrafficSplit</c>.</param>
/// <param name="Namespace">Its namespace.</param>
/// <param name="Name">Its name.</param>
public readonly record struct PolicyKey(string Kind, string Namespace, string Name)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Kind} {Namespace}/{Name}";
}

/// <summary>How a port's bytes are understood.</summary>
public enum PortProtocol
{
    /// <summary>Not declared: Envoy looks whether it is HTTP, else treats it as TCP.</summary>
    Detect,

    /// <summary>HTTP/1.1.</summary>
    Http,

    /// <summary>HTTP/2, plaintext with prior knowledge at the application.</summary>
    Http2,

    /// <summary>gRPC, which is HTTP/2.</summary>
    Grpc,

    /// <summary>Opaque bytes.</summary>
    Tcp,
}

/// <summary>Whether a server's port takes mutual TLS, plaintext or both.</summary>
public enum MtlsMode
{
    /// <summary>Both: meshed clients use mutual TLS, others plaintext.</summary>
    Permissive,

    /// <summary>Only mutual TLS with an identity of the mesh.</summary>
    Strict,

    /// <summary>Only what the application itself speaks; clients in the mesh use plaintext too.</summary>
    Disabled,
}
