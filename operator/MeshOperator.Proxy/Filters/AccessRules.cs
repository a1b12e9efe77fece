using Envoy.Config.Rbac.V3;
using MeshOperator.Proxy.Matching;
using Rules = Envoy.Config.Rbac.V3.RBAC;

namespace MeshOperator.Proxy.Filters;

/// <summary>What access rules look at: a request, or a connection of which nothing but the caller is known.</summary>
/// <param name="Request">The request, or null.</param>
/// <param name="Caller">The identity in the client's certificate, or null.</param>
internal readonly record struct AccessSubject(RequestView? Request, string? Caller);

/// <summary>Access rules (envoy.config.rbac.v3.RBAC), ready for use.</summary>
internal sealed class AccessRules
{
    private readonly bool _allows;
    private readonly IReadOnlyList<Func<AccessSubject, bool>> _policies;

    private AccessRules(Rules rules)
    {
        _allows = rules.Action is Rules.Types.Action.Allow;
        _policies = [.. rules.Policies.OrderBy(policy => policy.Key, StringComparer.Ordinal).Select(policy => ToCondition(policy.Value))];
    }

    /// <summary>Makes them; null without rules.</summary>
    public static AccessRules? Create(Rules? rules) => rules is null ? null : new AccessRules(rules);

    /// <summary>Whether the rules let a request or connection pass.</summary>
    public bool Lets(AccessSubject subject) => _policies.Any(policy => policy(subject)) == _allows;

    private static Func<AccessSubject, bool> ToCondition(Policy policy)
    {
        var permission = Any(policy.Permissions.Select(ToCondition));
        var principal = Any(policy.Principals.Select(ToCondition));
        return subject => permission(subject) && principal(subject);
    }

    private static Func<AccessSubject, bool> ToCondition(Permission permission)
    {
        switch (permission.RuleCase)
        {
            case Permission.RuleOneofCase.AndRules:
                return All(permission.AndRules.Rules.Select(ToCondition));
            case Permission.RuleOneofCase.OrRules:
                return Any(permission.OrRules.Rules.Select(ToCondition));
            case Permission.RuleOneofCase.NotRule:
                var inner = ToCondition(permission.NotRule);
                return subject => !inner(subject);
            case Permission.RuleOneofCase.Header:
                var header = HeaderMatch.Create(permission.Header);
                return subject => subject.Request is { } request && header.IsMatch(request);
            case Permission.RuleOneofCase.UrlPath:
                var path = TextMatch.Create(permission.UrlPath.Path);
                return subject => subject.Request is { } request && path.IsMatch(request.Path);
            default:
                return _ => permission.Any;
        }
    }

    private static Func<AccessSubject, bool> ToCondition(Principal principal)
    {
        switch (principal.IdentifierCase)
        {
            case Principal.IdentifierOneofCase.AndIds:
                return All(principal.AndIds.Ids.Select(ToCondition));
            case Principal.IdentifierOneofCase.OrIds:
                return Any(principal.OrIds.Ids.Select(ToCondition));
            case Principal.IdentifierOneofCase.Authenticated:
                var name = principal.Authenticated.PrincipalName is { } matcher ? TextMatch.Create(matcher) : null;
                return subject => subject.Caller is { } caller && (name is null || name.IsMatch(caller));
            default:
                return _ => principal.Any;
        }
    }

    private static Func<AccessSubject, bool> All(IEnumerable<Func<AccessSubject, bool>> conditions)
    {
        var all = conditions.ToArray();
        return subject => Array.TrueForAll(all, condition => condition(subject));
    }

    private static Func<AccessSubject, bool> Any(IEnumerable<Func<AccessSubject, bool>> conditions)
    {
        var any = conditions.ToArray();
        return subject => Array.Exists(any, condition => condition(subject));
    }
}
