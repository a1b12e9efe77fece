using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Authorization;

/// <summary>One rule of a Role or ClusterRole.</summary>
internal sealed record PolicyRule(
    IReadOnlyList<string> Verbs,
    IReadOnlyList<string> Groups,
    IReadOnlyList<string> Resources,
    IReadOnlyList<string> Names,
    IReadOnlyList<string> Paths
)
{
    public static PolicyRule FromJson(JsonObject json) =>
        new(
            [.. json.Texts("verbs")],
            [.. json.Texts("apiGroups")],
            [.. json.Texts("resources")],
            [.. json.Texts("resourceNames")],
            [.. json.Texts("nonResourceURLs")]
        );

    public bool Allows(AccessRequest request)
    {
        if (!Covers(Verbs, request.Verb))
            return false;
        if (!request.IsResource)
            return Paths.Any(p =>
                p == "*" || p == request.Path || (p.EndsWith('*') && request.Path.StartsWith(p[..^1], StringComparison.Ordinal))
            );
        return Covers(Groups, request.Group)
            && Resources.Any(r =>
                r == "*" || r == request.FullResource || (request.Subresource.Length > 0 && r == $"*/{request.Subresource}")
            )
            && (Names.Count == 0 || Names.Contains(request.Name));
    }

    public JsonObject ToReview()
    {
        if (Paths.Count > 0)
            return new JsonObject { ["verbs"] = Texts(Verbs), ["nonResourceURLs"] = Texts(Paths) };
        var json = new JsonObject
        {
            ["verbs"] = Texts(Verbs),
            ["apiGroups"] = Texts(Groups),
            ["resources"] = Texts(Resources),
        };
        if (Names.Count > 0)
            json["resourceNames"] = Texts(Names);
        return json;
    }

    private static bool Covers(IReadOnlyList<string> list, string value) => list.Contains("*") || list.Contains(value);

    private static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(t => (JsonNode?)t)]);
}
