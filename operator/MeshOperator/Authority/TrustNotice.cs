using k8s.Models;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Replicas;

namespace MeshOperator.Authority;

/// <summary>Says to the leader which state of the certificate authority this replica serves, and how far its proxies are.</summary>
internal sealed class TrustNotice(MeshAuthority authority, ProxyTrust trust) : IReplicaNotice
{
    private const string Name = "meshoperator.io/trust-report";

    /// <inheritdoc/>
    public string Annotation => Name;

    /// <summary>While no rotation is in flight only that this replica is there, and how far it has followed.</summary>
    public string Value
    {
        get
        {
            var present = authority.Current;
            return ReplicaReport
                .Create(present.State.Epoch, present.State.Phase == RotationPhase.Stable ? [] : trust.Missing(present))
                .ToString();
        }
    }

    /// <summary>The report in a Lease; null when there is none.</summary>
    public static ReplicaReport? Read(V1Lease lease) =>
        lease.Metadata.Annotations is { } annotations && annotations.TryGetValue(Name, out var text) ? ReplicaReport.Parse(text) : null;
}
