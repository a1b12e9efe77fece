using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Endpoints;
using MeshOperator.Mesh.Translation.Policies;
using MeshOperator.Mesh.Translation.Routing;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Review;

/// <summary>Finds what can only be known of policies when all is translated. What is enforced does not depend on it.</summary>
internal static class PolicyReview
{
    public static IEnumerable<PolicyFinding> Review(
        ClusterSnapshot snapshot,
        PolicyIndexes policies,
        RoutePlan routes,
        ServiceSet services,
        ImmutableDictionary<WorkloadName, MeshWorkload> workloads,
        ServedPorts served,
        PodSelections selections
    ) =>
        [
            .. RetryReview.Review(routes.RetryOverrides, services.ConnectionPolicies),
            .. BalancingReview.Review(policies.Balancing, services.Services.Values),
            .. RateLimitReview.Review(snapshot, policies.Limits, policies.Mtls, served),
            .. SharedLimitReview.Review(snapshot, policies, workloads, served),
            .. MtlsReview.Review(snapshot, policies.Mtls, served, selections),
        ];
}
