using System.Text;
using Envoy.Config.Route.V3;
using Envoy.Type.Matcher.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Inbound;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>Makes conditions on requests.</summary>
internal static class MatchBuilder
{
    public static RouteMatch Match(HttpMatch match)
    {
        var result = Path(match.Path);
        if (match.Method is { } method)
        {
            result.Headers.Add(
                new HeaderMatcher
                {
                    Name = ":method",
                    StringMatch = new StringMatcher { Exact = method },
                }
            );
        }

        foreach (var header in match.Headers)
            result.Headers.Add(Header(header));
        foreach (var cookie in match.Cookies)
            result.Headers.Add(Cookie(cookie));
        foreach (var parameter in match.QueryParameters)
            result.QueryParameters.Add(QueryParameter(parameter));
        return result;
    }

    /// <summary>The path, method and headers of <paramref name="match"/> as conditions on headers alone, for where Envoy knows no others.
    /// The pseudo-header of the path has the query too. A path or
    /// method is whatever a common server may take for it.</summary>
    public static IEnumerable<HeaderMatcher> AsHeaders(HttpMatch match)
    {
        if (match.Path is { } path && !(path.Kind is StringMatchKind.Prefix && path.Value.TrimEnd('/').Length == 0))
        {
            var expression =
                path.Kind is StringMatchKind.RegularExpression
                    ? $@"({path.Value})(\?.*)?"
                    : PathPatterns.MayBeBeforeQuery(path, elements: true);
            yield return new HeaderMatcher { Name = ":path", StringMatch = Regex(expression) };
        }

        if (match.Method is { } method)
            yield return new HeaderMatcher
            {
                Name = ":method",
                StringMatch = new StringMatcher { Exact = method, IgnoreCase = true },
            };
        foreach (var header in match.Headers)
            yield return Header(header);
    }

    /// <summary>A condition that the method is one of <paramref name="methods"/>.</summary>
    public static HeaderMatcher Methods(ValueList<string> methods) =>
        new()
        {
            Name = ":method",
            StringMatch = methods is [var only] ? new StringMatcher { Exact = only } : Regex(string.Join('|', methods.Select(Quote))),
        };

    private static RouteMatch Path(StringMatch? path)
    {
        switch (path)
        {
            case { Kind: StringMatchKind.Exact }:
                return new RouteMatch { Path = path.Value };
            case { Kind: StringMatchKind.RegularExpression }:
                return new RouteMatch { SafeRegex = new RegexMatcher { Regex = path.Value } };
            case { Kind: StringMatchKind.Prefix } when path.Value.TrimEnd('/') is { Length: > 0 } prefix:
                return new RouteMatch { PathSeparatedPrefix = prefix };
            default:
                return new RouteMatch { Prefix = "/" };
        }
    }

    public static HeaderMatcher Header(NamedMatch header)
    {
        var matcher = new HeaderMatcher
        {
            Name = header.Name.Equals("host", StringComparison.OrdinalIgnoreCase) ? ":authority" : header.Name,
        };
        if (Value(header.Match) is { } value)
            matcher.StringMatch = value;
        else
            matcher.PresentMatch = true;
        return matcher;
    }

    private static QueryParameterMatcher QueryParameter(NamedMatch parameter)
    {
        var matcher = new QueryParameterMatcher { Name = parameter.Name };
        if (Value(parameter.Match) is { } value)
            matcher.StringMatch = value;
        else
            matcher.PresentMatch = true;
        return matcher;
    }

    /// <summary>One cookie among those of the <c>cookie</c> header.</summary>
    public static HeaderMatcher Cookie(NamedMatch cookie)
    {
        var value = cookie.Match.Kind is StringMatchKind.Present ? "[^;]*" : Quote(cookie.Match.Value);
        return new HeaderMatcher { Name = "cookie", StringMatch = Regex($@"(.*;\s*)?{Quote(cookie.Name)}={value}\s*(;.*)?") };
    }

    /// <summary>Null when the value only has to be there.</summary>
    private static StringMatcher? Value(StringMatch match) =>
        match switch
        {
            { Kind: StringMatchKind.Exact } => new StringMatcher { Exact = match.Value },
            { Kind: StringMatchKind.Prefix, Value.Length: > 0 } => new StringMatcher { Prefix = match.Value },
            { Kind: StringMatchKind.RegularExpression } => Regex(match.Value),
            _ => null,
        };

    private static StringMatcher Regex(string expression) => new() { SafeRegex = new RegexMatcher { Regex = expression } };

    /// <summary>An RE2 expression for exactly <paramref name="text"/>.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (char.IsAscii(c) && !char.IsAsciiLetterOrDigit(c) && c is not ('_' or '-'))
                quoted.Append('\\');
            quoted.Append(c);
        }

        return quoted.ToString();
    }
}
