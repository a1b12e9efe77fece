using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Translation.Routing;

/// <summary>The Gateway API's order of matches: exact path, longest prefix, expression, any path; then with a method, more headers,
/// more query parameters, more cookies.</summary>
internal sealed class RoutePrecedence : IComparer<HttpMatch>
{
    public static readonly RoutePrecedence Instance = new();

    public int Compare(HttpMatch? x, HttpMatch? y) => -Rank(x!).CompareTo(Rank(y!));

    private static (int PathKind, int PathLength, int Method, int Headers, int Query, int Cookies) Rank(HttpMatch match) =>
        (
            match.Path?.Kind switch
            {
                StringMatchKind.Exact => 3,
                StringMatchKind.Prefix => 2,
                StringMatchKind.RegularExpression => 1,
                _ => 0,
            },
            match.Path?.Value.Length ?? 0,
            match.Method is null ? 0 : 1,
            match.Headers.Count,
            match.QueryParameters.Count,
            match.Cookies.Count
        );
}
