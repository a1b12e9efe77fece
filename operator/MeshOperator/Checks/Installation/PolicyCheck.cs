using MeshOperator.Api;
using MeshOperator.Api.Policies;

namespace MeshOperator.Checks.Installation;

/// <summary>A policy and its state.</summary>
/// <param name="Name">For example <c>TrafficSplit shop/web</c>.</param>
/// <param name="Conditions">The conditions of its status; empty without one.</param>
internal sealed record PolicyState(string Name, IReadOnlyList<PolicyCondition> Conditions);

/// <summary>Whether all policies are in effect.</summary>
internal static class PolicyCheck
{
    private const int Most = 20;

    public static IEnumerable<Finding> Find(IReadOnlyCollection<PolicyState> policies)
    {
        var found = policies.OrderBy(policy => policy.Name, StringComparer.Ordinal).Select(FindOne).OfType<Finding>().ToList();
        foreach (var finding in found.OrderByDescending(finding => finding.Level).Take(Most))
            yield return finding;
        if (found.Count > Most)
            yield return new Finding(
                found.Max(finding => finding.Level),
                CheckNames.Policies,
                $"{found.Count - Most} more policies are not in effect; list them with kubectl get meshpolicies -A"
            );
        if (found.Count == 0)
            yield return Finding.Ok(CheckNames.Policies, $"{policies.Count} policies are accepted and programmed");
    }

    private static Finding? FindOne(PolicyState policy)
    {
        if (policy.Conditions.Count == 0)
            return Finding.Warning(CheckNames.Policies, $"{policy.Name} has no status yet; look at the operator's log if it stays so");
        if (FindFalse(policy, ConditionTypes.Accepted) is { } refused)
            return Finding.Error(CheckNames.Policies, Describe(policy, refused));
        return (FindFalse(policy, ConditionTypes.ResolvedRefs) ?? FindFalse(policy, ConditionTypes.Programmed)) is { } incomplete
            ? Finding.Warning(CheckNames.Policies, Describe(policy, incomplete))
            : null;
    }

    private static PolicyCondition? FindFalse(PolicyState policy, string type) =>
        policy.Conditions.FirstOrDefault(condition => condition.Type == type && condition.Status == "False");

    private static string Describe(PolicyState policy, PolicyCondition condition) =>
        $"{policy.Name}: {condition.Type} is False ({condition.Reason}): {condition.Message}";
}
