using Envoy.Config.Route.V3;
using Envoy.Type.Matcher.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation.Proxyless;

/// <summary>Makes conditions on gRPC calls, of those that gRPC's own routing knows (gRFC A28).</summary>
internal static class ProxylessMatch
{
    /// <summary>Every call is a POST to <c>/service/method</c>, so that part of a match can be decided here.</summary>
    private const string Method = "POST";

    /// <summary>The conditions, or null when no call fulfils them or gRPC cannot look at what they ask for: a query parameter, the
    /// host, binary metadata.</summary>
    public static RouteMatch? Create(HttpMatch match)
    {
        if (match.Method is not (null or Method) || match.QueryParameters.Count > 0 || !match.Headers.All(IsVisible))
            return null;
        if (Path(match.Path) is not { } result)
            return null;
        foreach (var header in match.Headers)
            result.Headers.Add(WithoutStringMatch(MatchBuilder.Header(header)));
        foreach (var cookie in match.Cookies)
            result.Headers.Add(WithoutStringMatch(MatchBuilder.Cookie(cookie)));
        return result;
    }

    private static bool IsVisible(NamedMatch header) =>
        !header.Name.StartsWith(':')
        && !header.Name.Equals("host", StringComparison.OrdinalIgnoreCase)
        && !header.Name.EndsWith("-bin", StringComparison.OrdinalIgnoreCase);

    /// <summary>gRPC has no prefix of whole elements. As a path has exactly two, such a prefix is a service or one method.</summary>
    private static RouteMatch? Path(StringMatch? path)
    {
        switch (path)
        {
            case { Kind: StringMatchKind.Exact }:
                return IsCall(path.Value) ? new RouteMatch { Path = path.Value } : null;
            case { Kind: StringMatchKind.RegularExpression }:
                return new RouteMatch { SafeRegex = new RegexMatcher { Regex = path.Value } };
            case { Kind: StringMatchKind.Prefix } when path.Value.TrimEnd('/') is { Length: > 0 } prefix:
                if (IsCall(prefix))
                    return new RouteMatch { Path = prefix };
                return Elements(prefix) is [{ Length: > 0 }] ? new RouteMatch { Prefix = prefix + "/" } : null;
            default:
                return new RouteMatch { Prefix = "/" };
        }
    }

    private static bool IsCall(string path) => Elements(path) is [{ Length: > 0 }, { Length: > 0 }];

    private static string[] Elements(string path) => path.StartsWith('/') ? path[1..].Split('/') : [];

    /// <summary>gRPC learnt <c>string_match</c> in 2023 (gRFC A63), and before refused a whole route configuration for it.</summary>
    private static HeaderMatcher WithoutStringMatch(HeaderMatcher matcher)
    {
        switch (matcher.StringMatch)
        {
            case { MatchPatternCase: StringMatcher.MatchPatternOneofCase.Exact } exact:
                matcher.ExactMatch = exact.Exact;
                break;
            case { MatchPatternCase: StringMatcher.MatchPatternOneofCase.Prefix } prefix:
                matcher.PrefixMatch = prefix.Prefix;
                break;
            case { MatchPatternCase: StringMatcher.MatchPatternOneofCase.SafeRegex } expression:
                matcher.SafeRegexMatch = expression.SafeRegex;
                break;
        }

        return matcher;
    }
}
