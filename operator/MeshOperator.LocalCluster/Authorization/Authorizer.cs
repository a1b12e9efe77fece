using System.Runtime.CompilerServices;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Authorization;

/// <summary>
/// Decides who may do what, by the roles and bindings in the store as
/// https://kubernetes.io/docs/reference/access-authn-authz/rbac/ describes it. Whoever is of the group system:masters may do
/// everything. ClusterRoles are not aggregated, and whoever may write roles may grant more than it has.
/// </summary>
internal sealed class Authorizer(ObjectStore store, KindRegistry kinds, AuthorizationMode mode)
{
    private const string Group = "rbac.authorization.k8s.io";
    private const string Masters = "system:masters";
    private readonly ConditionalWeakTable<StoredObject, RoleBinding> _bindings = [];
    private readonly ConditionalWeakTable<StoredObject, PolicyRule[]> _rules = [];
    private readonly ResourceKind _roles = kinds.Builtin(Group, "roles");
    private readonly ResourceKind _clusterRoles = kinds.Builtin(Group, "clusterroles");
    private readonly ResourceKind _roleBindings = kinds.Builtin(Group, "rolebindings");
    private readonly ResourceKind _clusterRoleBindings = kinds.Builtin(Group, "clusterrolebindings");

    /// <summary>Refuses what is not allowed.</summary>
    /// <exception cref="ApiException">403.</exception>
    public void Demand(AccessRequest request)
    {
        var decision = Decide(request);
        if (!decision.Allowed)
            throw request.Deny(decision.Reason);
    }

    public AccessDecision Decide(AccessRequest request)
    {
        if (mode == AuthorizationMode.AlwaysAllow)
            return new AccessDecision(true, "everything is allowed: authorization is AlwaysAllow");
        if (request.User.Groups.Contains(Masters))
            return new AccessDecision(true, "");
        var missing = new List<string>();
        foreach (var (binding, subject) in Bindings(request.User, request.IsResource ? request.Namespace : ""))
        {
            if (Rules(binding) is not { } rules)
                missing.Add($"{binding.RoleKind.ToLowerInvariant()}.{Group} \"{binding.RoleName}\" not found");
            else if (rules.Any(r => r.Allows(request)))
                return new AccessDecision(true, $"RBAC: allowed by {binding} to {subject}");
        }

        return new AccessDecision(
            false,
            missing.Count switch
            {
                0 => "",
                1 => $"RBAC: {missing[0]}",
                _ => $"RBAC: [{string.Join(", ", missing)}]",
            }
        );
    }

    /// <summary>All that a user may do in a namespace.</summary>
    public IReadOnlyList<PolicyRule> Rules(UserInfo user, string @namespace)
    {
        if (mode == AuthorizationMode.AlwaysAllow || user.Groups.Contains(Masters))
            return [new PolicyRule(["*"], ["*"], ["*"], [], []), new PolicyRule(["*"], [], [], [], ["*"])];
        return [.. Bindings(user, @namespace).SelectMany(b => Rules(b.Binding) ?? [])];
    }

    private IEnumerable<(RoleBinding Binding, RoleSubject Subject)> Bindings(UserInfo user, string @namespace)
    {
        var stored = store.List(_clusterRoleBindings);
        if (@namespace.Length > 0)
            stored = stored.Concat(store.List(_roleBindings, @namespace));
        foreach (var binding in stored.Select(s => _bindings.GetValue(s, RoleBinding.FromObject)))
            if (binding.Subjects.FirstOrDefault(s => s.Is(user)) is { } subject)
                yield return (binding, subject);
    }

    private PolicyRule[]? Rules(RoleBinding binding)
    {
        var role =
            binding.RoleKind == "Role"
                ? store.Find(_roles, binding.Namespace, binding.RoleName)
                : store.Find(_clusterRoles, "", binding.RoleName);
        return role is null ? null : _rules.GetValue(role, r => [.. r.Parse().Objects("rules").Select(PolicyRule.FromJson)]);
    }
}
