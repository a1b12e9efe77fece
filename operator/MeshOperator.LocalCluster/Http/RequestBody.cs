using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Builtin;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Protobuf;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Schemas;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace MeshOperator.LocalCluster.Http;

/// <summary>Reads the bodies of requests, JSON or YAML, within a limit.</summary>
internal static class RequestBody
{
    public const int Limit = 3 * 1024 * 1024;
    private const string Accepted = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
    private const string Protobuf = "application/vnd.kubernetes.protobuf";

    private static readonly Lazy<Dictionary<(string, string), ResourceKind>> Builtin = new(() =>
        BuiltinKinds.Table().ToDictionary(k => (k.ApiVersion, k.Kind))
    );

    public static string MediaType(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type) ? type.MediaType.Value ?? "" : "";

    /// <summary>An object to write.</summary>
    /// <exception cref="ApiException">400, 413 or 415.</exception>
    public static async Task<JsonObject> ObjectAsync(HttpRequest request, WriteRequest write)
    {
        var media = MediaType(request);
        if (media is not ("" or "application/json" or "application/yaml" or Protobuf))
            throw ApiError.UnsupportedMediaType(Accepted);
        var bytes = await BytesAsync(request);
        if (bytes.Length == 0)
            throw ApiError.BadRequest("EOF");
        var duplicates = new List<string>();
        if (Decode(bytes, media, duplicates) is not JsonObject content)
            throw ApiError.BadRequest("the request's body is not a JSON object");
        Duplicates(duplicates, write);
        return content;
    }

    /// <summary>The options of a deletion; null without a body.</summary>
    public static async Task<JsonObject?> OptionsAsync(HttpRequest request)
    {
        var media = MediaType(request);
        if (media is not ("" or "application/json" or "application/yaml" or Protobuf))
            throw ApiError.UnsupportedMediaType(Accepted);
        var bytes = await BytesAsync(request);
        return bytes.Length == 0 ? null : Decode(bytes, media, []) as JsonObject;
    }

    /// <summary>A patch of any type.</summary>
    public static async Task<JsonNode?> PatchAsync(HttpRequest request, bool yaml, WriteRequest write)
    {
        var bytes = await BytesAsync(request);
        var duplicates = new List<string>();
        var patch = Decode(bytes, yaml ? "application/yaml" : "application/json", duplicates);
        Duplicates(duplicates, write);
        return patch;
    }

    private static StructuralSchema? BuiltinSchema(string apiVersion, string kind) =>
        (apiVersion, kind) switch
        {
            ("authentication.k8s.io/v1", "TokenRequest") => ModelSchemas.ForModel(typeof(k8s.Models.Authenticationv1TokenRequest)),
            _ => Builtin.Value.GetValueOrDefault((apiVersion, kind))?.Schema,
        };

    private static void Duplicates(List<string> duplicates, WriteRequest write)
    {
        if (duplicates.Count == 0)
            return;
        foreach (var path in duplicates)
            Identity.Report($"duplicate field \"{path}\"", write);
        if (write.FieldValidation == FieldValidation.Strict)
            throw ApiError.BadRequest($"strict decoding error: {string.Join(", ", duplicates.Select(d => $"duplicate field \"{d}\""))}");
    }

    private static JsonNode? Decode(byte[] bytes, string media, List<string> duplicates)
    {
        if (bytes.Length == 0)
            throw ApiError.BadRequest("EOF");
        try
        {
            if (media == Protobuf)
                return ProtobufBody.Decode(bytes, BuiltinSchema);
            return media == "application/yaml" && bytes[0] != '{'
                ? YamlText.Decode(Encoding.UTF8.GetString(bytes), duplicates)
                : JsonText.Decode(bytes, duplicates);
        }
        catch (JsonException e)
        {
            throw ApiError.BadRequest($"error decoding the request's body: {e.Message}");
        }
    }

    private static async Task<byte[]> BytesAsync(HttpRequest request)
    {
        if (request.ContentLength > Limit)
            throw ApiError.TooLarge(Limit);
        var reader = request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(request.HttpContext.RequestAborted);
            if (read.Buffer.Length > Limit)
                throw ApiError.TooLarge(Limit);
            if (read.IsCompleted)
            {
                var bytes = read.Buffer.ToArray();
                reader.AdvanceTo(read.Buffer.End);
                return bytes;
            }

            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }
}
