using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Protocol;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.LocalCluster.Discovery;

/// <summary>The OpenAPI documents, made on demand and kept until the kinds change.</summary>
internal sealed class OpenApiDocuments(KindRegistry kinds)
{
    private const string Version2 = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

    /// <summary>
    /// An openapi.v2.Document in protobuf with a version and a title and nothing else. Clients before Kubernetes 1.27, such as
    /// Helm 3.10, ask for no other form; they leave kinds that it does not define to the server's own validation.
    /// </summary>
    private static readonly byte[] Empty = [.. "\u000a\u00032.0\u0012\u0015\u000a\u000aKubernetes\u0012\u0007v1.32.4\u0042\u0000"u8];

    /// <summary>Clients keep documents on disk by their hash, so that of another run must differ.</summary>
    private readonly string _run = RandomNumberGenerator.GetHexString(16);
    private readonly ConcurrentDictionary<string, (long Revision, byte[] Document)> _made = new(StringComparer.Ordinal);

    public Task AnswerAsync(HttpContext http, string path)
    {
        path = path.TrimEnd('/');
        var accept = http.Request.Headers.Accept.ToString();
        if (accept.Length > 0 && !accept.Contains("json", StringComparison.Ordinal) && !accept.Contains("*/*", StringComparison.Ordinal))
        {
            if (path == "/openapi/v2" && accept.Contains(Version2, StringComparison.Ordinal))
                return Answer.BytesAsync(http, Empty, 200, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
            throw ApiError.NotAcceptable("application/json");
        }

        var revision = kinds.Revision;
        if (_made.TryGetValue(path, out var made) && made.Revision == revision)
            return Answer.BytesAsync(http, made.Document);
        var document = JsonText.Encode(Document(path) ?? throw ApiError.NoSuchPath());
        _made[path] = (revision, document);
        return Answer.BytesAsync(http, document);
    }

    private JsonObject? Document(string path)
    {
        if (path == "/openapi/v2")
            return new OpenApiBuilder(version3: false).Document(kinds.All);
        if (path == "/openapi/v3")
            return Index();
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
            paths[path] = new JsonObject
            {
                ["serverRelativeURL"] = $"/openapi/v3/{path}?hash={_run}{kinds.Revision.ToString("X8", CultureInfo.InvariantCulture)}",
            };
        }

        return new JsonObject { ["paths"] = paths };
    }
}
