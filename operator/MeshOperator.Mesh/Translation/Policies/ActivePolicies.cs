using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>A policy that has a valid spec.</summary>
/// <param name="Key">Its name.</param>
/// <param name="Rank">Its place among the policies of its kind; the lower one is older.</param>
/// <param name="Spec">Its last valid spec.</param>
internal sealed record ActivePolicy<TSpec>(PolicyKey Key, int Rank, TSpec Spec)
    where TSpec : class;

/// <summary>Chooses the policies that can be in effect.</summary>
internal static class ActivePolicies
{
    /// <summary>The policies of a kind that have a valid spec, the oldest first.</summary>
    public static IReadOnlyList<ActivePolicy<TSpec>> GetActive<TPolicy, TSpec>(this PolicySet policies, PolicyKind<TPolicy, TSpec> kind)
        where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
        where TSpec : class, new() =>
        [
            .. policies[kind]
                .Where(policy => policy.Value.HasSpec)
                .OrderBy(policy => policy.Value.Created)
                .ThenBy(policy => policy.Key)
                .Select(
                    (policy, rank) =>
                        new ActivePolicy<TSpec>(
                            new PolicyKey(kind.Name, policy.Key.Namespace, policy.Key.Name),
                            rank,
                            ((PolicyRecord<TSpec>)policy.Value).Spec!
                        )
                ),
        ];

    /// <summary>The services that policies with an effect name as targets, whether they exist or not.</summary>
    public static IReadOnlySet<ObjectName> FindNamedServices(this PolicySet policies, PolicyEffects affect) =>
        PolicyKinds
            .All.Where(kind => kind.Affects.HasFlag(affect))
            .SelectMany(kind => kind.Accept(new NamedServices(policies)))
            .ToHashSet();

    private sealed class NamedServices(PolicySet policies) : IPolicyKindVisitor<IEnumerable<ObjectName>>
    {
        public IEnumerable<ObjectName> Visit<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind)
            where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
            where TSpec : class, new() =>
            from policy in policies[kind]
            where policy.Value.HasSpec
            from target in kind.GetTargets(((PolicyRecord<TSpec>)policy.Value).Spec!)
            where target.Kind is PolicyTargetKind.Service
            select new ObjectName(policy.Key.Namespace, target.Name);
    }
}
