using FluentValidation;
using MeshOperator.Api.V1Alpha1;
using MeshOperator.Api.Validation;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Snapshots;

/// <summary>Reads a policy into its record. An invalid one that got in all the same keeps its last valid spec in effect.</summary>
internal sealed class PolicyReader<TPolicy, TSpec>(IValidator<TSpec> validator)
    where TPolicy : CustomKubernetesEntity<TSpec, PolicyStatus>
    where TSpec : class, new()
{
    public PolicyRecord<TSpec> Read(TPolicy policy, PolicyRecord<TSpec>? before)
    {
        var created = policy.Metadata.CreationTimestamp is { } at ? new DateTimeOffset(DateTime.SpecifyKind(at, DateTimeKind.Utc)) : DateTimeOffset.UnixEpoch;
        var generation = policy.Metadata.Generation ?? 1;
        // A change of status or labels only leaves the generation as it is.
        if (before is not null && before.Generation == generation && before.Uid == policy.Metadata.Uid) return before;
        var result = validator.Validate(policy.Spec);
        return result.IsValid
            ? new PolicyRecord<TSpec>(policy.Metadata.Uid, generation, created, policy.Spec, null)
            : new PolicyRecord<TSpec>(policy.Metadata.Uid, generation, created, before?.Spec, ValidationText.Of(result));
    }
}
