using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Snapshots;

/// <summary>Reads policies into their records. An invalid one that was stored all the same keeps its last valid spec in effect.</summary>
internal static class PolicyReader
{
    /// <summary>Reads a policy.</summary>
    /// <param name="kind">Its kind.</param>
    /// <param name="policy">The policy.</param>
    /// <param name="before">Its record so far; null when there was none.</param>
    public static PolicyRecord<TSpec> Read<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind, TPolicy policy, PolicyRecord<TSpec>? before)
        where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
        where TSpec : class, new()
    {
        var created = policy.Metadata.CreationTimestamp is { } at
            ? new DateTimeOffset(DateTime.SpecifyKind(at, DateTimeKind.Utc))
            : DateTimeOffset.UnixEpoch;
        var generation = policy.Metadata.Generation ?? 1;
        // A change of status or labels only leaves the generation as it is.
        if (before is not null && before.Generation == generation && before.Uid == policy.Metadata.Uid)
            return before;
        var result = kind.Validator.Validate(policy.Spec);
        return result.IsValid
            ? new PolicyRecord<TSpec>(policy.Metadata.Uid, generation, created, policy.Spec, null)
            : new PolicyRecord<TSpec>(policy.Metadata.Uid, generation, created, before?.Spec, ValidationText.Describe(result));
    }
}
