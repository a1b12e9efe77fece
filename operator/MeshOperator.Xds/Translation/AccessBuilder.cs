using System.Globalization;
using Envoy.Config.Listener.V3;
using Envoy.Config.Rbac.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Envoy.Type.Matcher.V3;
using MeshOperator.Mesh.Model;
using HttpRbac = Envoy.Extensions.Filters.Http.Rbac.V3.RBAC;
using NetworkRbac = Envoy.Extensions.Filters.Network.Rbac.V3.RBAC;
using RbacRules = Envoy.Config.Rbac.V3.RBAC;

namespace MeshOperator.Xds.Translation;

/// <summary>Makes the filters that enforce access rules, or only count under <see cref="AccessPolicy.AuditOnly"/> (shadow rules). What is
/// denied comes before what is allowed, so it wins.</summary>
internal static class AccessBuilder
{
    /// <summary>What stands before the names of statistics and metadata of rules that only count.</summary>
    public static readonly IReadOnlyList<string> AuditPrefixes = [Audit("deny"), Audit("allow")];

    /// <summary>The name of the metadata with what the rules would do (Envoy's documentation of the RBAC filter).</summary>
    public const string ShadowResult = "shadow_engine_result";

    /// <summary>The name of the metadata with the rule that decided.</summary>
    public const string ShadowPolicy = "shadow_effective_policy_id";

    /// <summary>Filters for requests.</summary>
    public static IEnumerable<HttpFilter> Http(AccessPolicy? access)
    {
        foreach (var (name, rules, audit) in Rules(access, isHttp: true))
        {
            var filter = audit ? new HttpRbac { ShadowRules = rules, ShadowRulesStatPrefix = Audit(name) } : new HttpRbac { Rules = rules, RulesStatPrefix = $"{name}_" };
            yield return new HttpFilter { Name = $"envoy.filters.http.rbac/{name}", TypedConfig = EnvoyMessages.Pack(filter) };
        }
    }

    /// <summary>Filters for connections of which nothing but the caller is known. A rule that asks for more can allow nothing there, and
    /// denies by its other conditions, so that it is never wider than it reads.</summary>
    public static IEnumerable<Filter> Network(AccessPolicy? access, string statPrefix)
    {
        foreach (var (name, rules, audit) in Rules(access, isHttp: false))
        {
            var filter = audit ? new NetworkRbac { ShadowRules = rules, ShadowRulesStatPrefix = Audit(name) } : new NetworkRbac { Rules = rules };
            // Beside the statistics of the TCP proxy, where the tags are looked for.
            filter.StatPrefix = $"tcp.{statPrefix}.{name}";
            yield return new Filter { Name = $"envoy.filters.network.rbac/{name}", TypedConfig = EnvoyMessages.Pack(filter) };
        }
    }

    /// <summary>Who may open connections of which only bytes are known, or more than those: of the conditions of a rule that all must hold one is
    /// taken. Null when everybody may, and with rules that only count.</summary>
    public static IReadOnlyList<StringMatch>? Callers(AccessPolicy? access)
    {
        if (access is not { IsRestricted: true, AuditOnly: false }) return null;
        var rules = access.Allow.Where(rule => !rule.NeedsHttp).ToList();
        return rules.Exists(rule => rule.Callers.Count == 0) ? null : [.. rules.SelectMany(rule => rule.Callers[0]).Distinct()];
    }

    private static string Audit(string name) => $"audit_{name}_";

    private static IEnumerable<(string Name, RbacRules Rules, bool Audit)> Rules(AccessPolicy? access, bool isHttp)
    {
        if (access is null) yield break;
        if (access.Deny.Count > 0) yield return ("deny", ToRules(RbacRules.Types.Action.Deny, access.Deny, isHttp), access.AuditOnly);
        if (!access.IsRestricted) yield break;
        var allow = isHttp ? access.Allow : access.Allow.Where(r => !r.NeedsHttp).ToValueList();
        yield return ("allow", ToRules(RbacRules.Types.Action.Allow, allow, isHttp), access.AuditOnly);
    }

    private static RbacRules ToRules(RbacRules.Types.Action action, ValueList<AccessRule> rules, bool isHttp)
    {
        var result = new RbacRules { Action = action };
        for (var i = 0; i < rules.Count; i++)
        {
            result.Policies.Add(
                i.ToString("D2", CultureInfo.InvariantCulture),
                new Policy { Permissions = { ToPermission(rules[i], isHttp) }, Principals = { ToPrincipal(rules[i]) } });
        }

        return result;
    }

    private static Permission ToPermission(AccessRule rule, bool isHttp)
    {
        var all = new Permission.Types.Set();
        if (isHttp && rule.Methods.Count > 0)
        {
            all.Rules.Add(Or(rule.Methods.Select(method => new Permission
            {
                Header = new HeaderMatcher { Name = ":method", StringMatch = new StringMatcher { Exact = method } },
            })));
        }

        if (isHttp && rule.Paths.Count > 0) all.Rules.Add(Or(rule.Paths.Select(path => new Permission { UrlPath = new PathMatcher { Path = ToMatcher(path) } })));
        return all.Rules.Count switch
        {
            0 => new Permission { Any = true },
            1 => all.Rules[0],
            _ => new Permission { AndRules = all },
        };
    }

    private static Permission Or(IEnumerable<Permission> permissions)
    {
        var any = new Permission.Types.Set { Rules = { permissions } };
        return any.Rules.Count == 1 ? any.Rules[0] : new Permission { OrRules = any };
    }

    private static Principal ToPrincipal(AccessRule rule)
    {
        var all = new Principal.Types.Set();
        foreach (var callers in rule.Callers)
        {
            var any = new Principal.Types.Set();
            foreach (var caller in callers) any.Ids.Add(new Principal { Authenticated = new Principal.Types.Authenticated { PrincipalName = ToMatcher(caller) } });
            all.Ids.Add(any.Ids.Count == 1 ? any.Ids[0] : new Principal { OrIds = any });
        }

        return all.Ids.Count switch
        {
            0 => new Principal { Any = true },
            1 => all.Ids[0],
            _ => new Principal { AndIds = all },
        };
    }

    public static StringMatcher ToMatcher(StringMatch match) =>
        match.Kind is StringMatchKind.Prefix ? new StringMatcher { Prefix = match.Value } : new StringMatcher { Exact = match.Value };
}
