using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Translation.Requests;

/// <summary>Reads conditions on requests into the model.</summary>
internal static class RequestMatches
{
    /// <summary>The conditions of one match.</summary>
    public static HttpMatch Read(HttpRequestMatch match) =>
        new()
        {
            Path = ToPath(match.Path),
            Method = match.Method,
#pragma warning disable CA1308 // HTTP/2 and Envoy write header names in lower case.
            Headers = match.Headers.Select(h => new NamedMatch(h.Name.ToLowerInvariant(), ToValue(h))).ToValueList(),
#pragma warning restore CA1308
            QueryParameters = match.QueryParams.Select(q => new NamedMatch(q.Name, ToValue(q))).ToValueList(),
            Cookies = match.Cookies.Select(c => new NamedMatch(c.Name, new StringMatch(StringMatchKind.Exact, c.Value))).ToValueList(),
        };

    private static StringMatch? ToPath(PathMatch? path)
    {
        if (path is null)
            return null;
        return path.Type switch
        {
            PathMatchType.Exact => new StringMatch(StringMatchKind.Exact, path.Value),
            PathMatchType.RegularExpression => new StringMatch(StringMatchKind.RegularExpression, path.Value),
            // "/" is the prefix of every path, and "/a/" matches what "/a" does.
            _ => path.Value.TrimEnd('/') is { Length: > 0 } prefix ? new StringMatch(StringMatchKind.Prefix, prefix) : null,
        };
    }

    private static StringMatch ToValue(ValueMatch match) =>
        new(match.Type == ValueMatchType.RegularExpression ? StringMatchKind.RegularExpression : StringMatchKind.Exact, match.Value);
}
