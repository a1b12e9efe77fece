using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Checks.Installation;

/// <summary>Reads the policies of a kind with their conditions.</summary>
internal sealed class PolicyReader(ClusterReader reader, CancellationToken cancellation)
    : IPolicyKindVisitor<Task<IReadOnlyList<PolicyState>>>
{
    public async Task<IReadOnlyList<PolicyState>> Visit<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind)
        where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
        where TSpec : class, new() =>
        [
            .. (await reader.ListAsync<TPolicy>(ns: null, selector: null, cancellation)).Select(policy => new PolicyState(
                $"{kind.Name} {policy.Metadata.NamespaceProperty}/{policy.Metadata.Name}",
                policy.CommonStatus?.Conditions ?? []
            )),
        ];
}
