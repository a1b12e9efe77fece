using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Registry;

/// <summary>A connected proxy.</summary>
/// <param name="NodeId">Its node id, <c>pod.namespace</c>.</param>
/// <param name="Workload">Its workload, or null when that is not known.</param>
/// <param name="Mode">The variant of the protocol that it speaks.</param>
/// <param name="Agent">What it says it is, for example <c>envoy 1.40.0</c>.</param>
/// <param name="ConnectedAt">Since when.</param>
/// <param name="Types">The types that it has asked for.</param>
internal sealed record ProxyStatus(
    string NodeId,
    WorkloadName? Workload,
    XdsMode Mode,
    string Agent,
    DateTimeOffset ConnectedAt,
    IReadOnlyList<ProxyTypeStatus> Types
);

/// <summary>How far a proxy is with one type of resources.</summary>
/// <param name="Type">The type.</param>
/// <param name="SentVersion">The version that it was last sent; empty when nothing was.</param>
/// <param name="AcknowledgedVersion">The version that it last acknowledged.</param>
/// <param name="IsSynced">Whether it has acknowledged all that it subscribes to, as it is now.</param>
/// <param name="Rejection">The proxy's text when it rejected the last response, else null.</param>
internal sealed record ProxyTypeStatus(ResourceType Type, string SentVersion, string AcknowledgedVersion, bool IsSynced, string? Rejection);

/// <summary>The variants of the xDS protocol.</summary>
public enum XdsMode
{
    /// <summary>Only what changed.</summary>
    Delta,

    /// <summary>State of the world.</summary>
    StateOfTheWorld,
}

/// <summary>How far a policy has got to the proxies.</summary>
/// <param name="Targeted">How many proxies use resources that carry the policy, or would if they were connected.</param>
/// <param name="Acknowledged">How many of them have acknowledged those resources as they are now.</param>
/// <param name="Rejected">The proxies that rejected one of them as it is now.</param>
public sealed record PolicyProgress(int Targeted, int Acknowledged, IReadOnlyList<ProxyRejection> Rejected)
{
    /// <summary>The expected proxies that the policy applies to and that are not connected.</summary>
    public IReadOnlyCollection<ExpectedProxy> Unconnected { get; init; } = [];

    /// <summary>The replicas of the operator that are there and do not report; some proxies may be connected to them.</summary>
    public IReadOnlyList<string> Silent { get; init; } = [];

    /// <summary>Whether connections of callers that lost a permission are yet to be ended.</summary>
    public bool IsRevoking { get; init; }

    /// <summary>Of a policy that no resource carries.</summary>
    public static PolicyProgress None { get; } = new(0, 0, []);
}

/// <summary>A proxy that did not take a resource.</summary>
/// <param name="NodeId">The proxy.</param>
/// <param name="Resource">The name of the resource.</param>
/// <param name="Reason">The proxy's own text.</param>
public sealed record ProxyRejection(string NodeId, string Resource, string Reason);

/// <summary>Which certificates a connected proxy has acknowledged.</summary>
/// <param name="NodeId">Its node id, <c>pod.namespace</c>.</param>
/// <param name="ConnectedAt">Since when it is connected.</param>
/// <param name="AreRequested">Whether it has asked for secrets.</param>
/// <param name="TrustBundle">The trust bundle, by <see cref="Secrets.TrustMaterial.Id"/>; null before the first.</param>
/// <param name="IdentitySigner">Who signed its certificate, by <see cref="Secrets.IdentityMaterial.Signer"/>; null when it has
/// none.</param>
/// <param name="Rejection">The proxy's own text when it did not take what it was last sent, else null.</param>
public sealed record ProxySecretStatus(
    string NodeId,
    DateTimeOffset ConnectedAt,
    bool AreRequested,
    string? TrustBundle,
    string? IdentitySigner,
    string? Rejection
);
