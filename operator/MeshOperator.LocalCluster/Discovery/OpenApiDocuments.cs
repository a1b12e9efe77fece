using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Http;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.LocalCluster.Discovery;

/// <summary>The OpenAPI documents, made on demand and kept until the kinds change.</summary>
internal sealed class OpenApiDocuments(KindRegistry kinds)
{
    private readonly ConcurrentDictionary<string, (long Revision, byte[] Document)> _made = new(StringComparer.Ordinal);

    public Task AnswerAsync(HttpContext http, string path)
    {
        var accept = http.Request.Headers.Accept.ToString();
        if (accept.Length > 0 && !accept.Contains("json", StringComparison.Ordinal) && !accept.Contains("*/*", StringComparison.Ordinal))
            throw ApiError.NotAcceptable("application/json");
        path = path.TrimEnd('/');
        var revision = kinds.Revision;
        if (_made.TryGetValue(path, out var made) && made.Revision == revision) return Answer.BytesAsync(http, made.Document);
        var document = JsonText.Encode(Document(path) ?? throw ApiError.NoSuchPath());
        _made[path] = (revision, document);
        return Answer.BytesAsync(http, document);
    }

    private JsonObject? Document(string path)
    {
        if (path == "/openapi/v2") return new OpenApiBuilder(version3: false).Document(kinds.All);
        if (path == "/openapi/v3") return Index();
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries)[2..];
        var (group, version) = parts switch
        {
            ["api", var v] => ("", v),
            ["apis", var g, var v] => (g, v),
            _ => ("", ""),
        };
        var served = kinds.All.Where(k => k.Group == group && k.Version == version).ToArray();
        return served.Length == 0 ? null : new OpenApiBuilder(version3: true).Document(served);
    }

    private JsonObject Index()
    {
        var paths = new JsonObject();
        foreach (var (group, version) in kinds.All.Select(k => (k.Group, k.Version)).Distinct())
        {
            var path = group.Length == 0 ? $"api/{version}" : $"apis/{group}/{version}";
            paths[path] = new JsonObject { ["serverRelativeURL"] = $"/openapi/v3/{path}?hash={kinds.Revision.ToString("X8", CultureInfo.InvariantCulture)}" };
        }

        return new JsonObject { ["paths"] = paths };
    }
}
