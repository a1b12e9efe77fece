using System.Globalization;
using Envoy.Config.Rbac.V3;
using Envoy.Config.Route.V3;
using Envoy.Type.Matcher.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;
using HttpRbac = Envoy.Extensions.Filters.Http.Rbac.V3.RBAC;
using NetworkRbac = Envoy.Extensions.Filters.Network.Rbac.V3.RBAC;
using RbacRules = Envoy.Config.Rbac.V3.RBAC;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>Makes access rules, enforced or only counted under <see cref="AccessPolicy.AuditOnly"/> (shadow rules). What is denied comes
/// before what is allowed, so it wins.</summary>
internal static class AccessBuilder
{
    /// <summary>By which some frameworks let a client say another method than the request has.</summary>
    private static readonly string[] MethodOverrides = ["x-http-method-override", "x-http-method", "x-method-override"];

    /// <summary>The name of the filter for requests.</summary>
    public static string HttpFilter(string rules) => $"envoy.filters.http.rbac/{rules}";

    /// <summary>Rules for requests, where there are any.</summary>
    public static IEnumerable<(string Name, HttpRbac Rules)> Http(AccessPolicy? access)
    {
        if (access is null)
            yield break;
        foreach (var (name, rules) in Rules(access, isHttp: true))
            yield return (
                name,
                access.AuditOnly
                    ? new HttpRbac { ShadowRules = rules, ShadowRulesStatPrefix = AuditNames.Prefix(name) }
                    : new HttpRbac { Rules = rules }
            );
    }

    /// <summary>The filters for connections of which nothing but the caller is known, with or without rules. A rule that asks for more can
    /// allow nothing there, and denies by its other conditions, so that it is never wider than it reads.</summary>
    public static IEnumerable<(string Name, NetworkRbac Filter)> Network(AccessPolicy? access, string statPrefix)
    {
        var rules = access is null ? [] : Rules(access, isHttp: false).ToDictionary(entry => entry.Name, entry => entry.Rules);
        foreach (var name in (string[])[AuditNames.Deny, AuditNames.Allow])
        {
            // Beside the statistics of the TCP proxy, where the tags are looked for.
            var filter = new NetworkRbac { StatPrefix = $"tcp.{statPrefix}.{name}" };
            if (rules.TryGetValue(name, out var enforced) && !access!.AuditOnly)
                filter.Rules = enforced;
            else if (enforced is not null)
                (filter.ShadowRules, filter.ShadowRulesStatPrefix) = (enforced, AuditNames.Prefix(name));
            yield return (name, filter);
        }
    }

    public static StringMatcher ToMatcher(StringMatch match) =>
        match.Kind is StringMatchKind.Prefix ? new StringMatcher { Prefix = match.Value } : new StringMatcher { Exact = match.Value };

    private static IEnumerable<(string Name, RbacRules Rules)> Rules(AccessPolicy access, bool isHttp)
    {
        if (access.Deny.Count > 0)
            yield return (AuditNames.Deny, ToRules(RbacRules.Types.Action.Deny, access.Deny, isHttp));
        if (!access.IsRestricted)
            yield break;
        var allow = isHttp ? access.Allow : access.Allow.Where(r => !r.NeedsHttp).ToValueList();
        yield return (AuditNames.Allow, ToRules(RbacRules.Types.Action.Allow, allow, isHttp));
    }

    private static RbacRules ToRules(RbacRules.Types.Action action, ValueList<AccessRule> rules, bool isHttp)
    {
        var result = new RbacRules { Action = action };
        for (var i = 0; i < rules.Count; i++)
        {
            var permission =
                !isHttp ? Any
                : action is RbacRules.Types.Action.Deny ? ToDenied(rules[i])
                : ToAllowed(rules[i]);
            result.Policies.Add(
                i.ToString("D2", CultureInfo.InvariantCulture),
                new Policy { Permissions = { permission }, Principals = { ToPrincipal(rules[i]) } }
            );
        }

        return result;
    }

    private static Permission Any => new() { Any = true };

    /// <summary>What a rule allows: the methods and paths as they are written. No request that names another method besides, and of paths
    /// that only begin so none that servers read in different ways.</summary>
    private static Permission ToAllowed(AccessRule rule)
    {
        var methods = rule.Methods.Select(method => Header(":method", new StringMatcher { Exact = method }));
        var paths = rule.Paths.Select(path =>
            path.Kind is not StringMatchKind.Prefix
                ? Path(ToMatcher(path))
                : And([Path(ToMatcher(path)), new Permission { NotRule = Path(Regex(PathPatterns.Ambiguous)) }])
        );
        var others =
            rule.Methods.Count == 0
                ? []
                : MethodOverrides
                    .Select(name => new HeaderMatcher { Name = name, PresentMatch = true })
                    .Append(new HeaderMatcher { Name = ":path", StringMatch = Regex(MethodInQuery("[^&;#]*")) })
                    .Select(header => new Permission { NotRule = new Permission { Header = header } });
        return And([.. Or(methods), .. others, .. Or(paths)]);
    }

    /// <summary>What a rule denies: whatever a common server may take for its methods and paths, and tunnels in which they can be asked
    /// for. A server answers HEAD by what it has for GET.</summary>
    private static Permission ToDenied(AccessRule rule)
    {
        var methods = rule.Methods.SelectMany(method => (string[])(method == "GET" ? [method, "HEAD"] : [method])).Distinct().ToList();
        var named = string.Join('|', methods);
        var asked = methods.Select(method => Header(":method", IgnoringCase(method)));
        if (methods.Count > 0)
        {
            // A header that comes twice is one with a comma.
            asked = asked
                .Concat(MethodOverrides.Select(header => Header(header, Regex($@"(?is)(?:.*[,\s])?(?:{named})(?:[,\s].*)?"))))
                .Append(Header(":path", Regex(MethodInQuery($"(?:{named})"))));
        }

        Permission[] denied = [.. Or(asked), .. Or(rule.Paths.Select(path => Path(Regex(PathPatterns.MayBe(path, elements: false)))))];
        return denied.Length == 0 ? Any : Or([And(denied), Tunnel])[0];
    }

    /// <summary>A CONNECT without a path: what is asked for inside of the tunnel nobody sees, so it may be what is denied.</summary>
    private static Permission Tunnel =>
        And([
            Header(":method", new StringMatcher { Exact = "CONNECT" }),
            new Permission
            {
                NotRule = new Permission
                {
                    Header = new HeaderMatcher { Name = ":path", PresentMatch = true },
                },
            },
        ]);

    /// <summary>Matches a path whose query says a method, as some frameworks take it.</summary>
    private static string MethodInQuery(string method) => $@"(?is)[^?]*\?(?:.*[&;])?_method={method}(?:[&;#].*)?";

    private static StringMatcher IgnoringCase(string text) => new() { Exact = text, IgnoreCase = true };

    private static StringMatcher Regex(string expression) => new() { SafeRegex = new RegexMatcher { Regex = expression } };

    private static Permission Header(string name, StringMatcher value) =>
        new()
        {
            Header = new HeaderMatcher { Name = name, StringMatch = value },
        };

    private static Permission Path(StringMatcher path) => new() { UrlPath = new PathMatcher { Path = path } };

    /// <summary>None where there is nothing to choose from.</summary>
    private static Permission[] Or(IEnumerable<Permission> permissions) =>
        permissions.ToList() switch
        {
            [] => [],
            [var only] => [only],
            var several => [new Permission { OrRules = new Permission.Types.Set { Rules = { several } } }],
        };

    private static Permission And(IReadOnlyList<Permission> permissions) =>
        permissions switch
        {
            [] => Any,
            [var only] => only,
            _ => new Permission { AndRules = new Permission.Types.Set { Rules = { permissions } } },
        };

    private static Principal ToPrincipal(AccessRule rule)
    {
        var all = new Principal.Types.Set();
        foreach (var callers in rule.Callers)
        {
            var any = new Principal.Types.Set();
            foreach (var caller in callers)
                any.Ids.Add(new Principal { Authenticated = new Principal.Types.Authenticated { PrincipalName = ToMatcher(caller) } });
            all.Ids.Add(any.Ids.Count == 1 ? any.Ids[0] : new Principal { OrIds = any });
        }

        return all.Ids.Count switch
        {
            0 => new Principal { Any = true },
            1 => all.Ids[0],
            _ => new Principal { AndIds = all },
        };
    }
}
