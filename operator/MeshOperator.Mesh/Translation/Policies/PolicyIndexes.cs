using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>The policies of a cluster, by what they apply to.</summary>
/// <param name="Mtls">Mutual TLS and access rules, by pod.</param>
/// <param name="Splits">By service port.</param>
/// <param name="Retries">By route.</param>
/// <param name="Breakers">By service port.</param>
/// <param name="Balancing">By service port.</param>
/// <param name="Limits">By port of a pod.</param>
/// <param name="NamedServices">The services whose routes a policy may concern. For all others their own record has all of their
/// routes.</param>
internal sealed record PolicyIndexes(
    MtlsPolicyIndex Mtls,
    SplitIndex Splits,
    RetryIndex Retries,
    BreakerIndex Breakers,
    BalancingIndex Balancing,
    RateLimitIndex Limits,
    IReadOnlySet<ObjectName> NamedServices
)
{
    public static Found<PolicyIndexes> Create(ClusterSnapshot snapshot, PodSelections selections)
    {
        var mtls = MtlsPolicyIndex.Create(snapshot, selections);
        var splits = SplitIndex.Create(snapshot);
        var retries = RetryIndex.Create(snapshot);
        var breakers = BreakerIndex.Create(snapshot);
        var balancing = BalancingIndex.Create(snapshot);
        var limits = RateLimitIndex.Create(snapshot, selections);
        var named = snapshot.Policies.FindNamedServices(PolicyEffects.Routes);
        return new Found<PolicyIndexes>(
            new PolicyIndexes(mtls.Result, splits.Result, retries.Result, breakers.Result, balancing.Result, limits.Result, named),
            [.. mtls.Findings, .. splits.Findings, .. retries.Findings, .. breakers.Findings, .. balancing.Findings, .. limits.Findings]
        );
    }
}
