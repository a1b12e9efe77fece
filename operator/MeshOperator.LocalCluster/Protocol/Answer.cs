using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Tables;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.LocalCluster.Protocol;

/// <summary>Writes answers.</summary>
internal static class Answer
{
    public static Task ObjectAsync(HttpContext http, ResourceKind kind, JsonObject content, TimeProvider time, int code = 200)
    {
        var accepted = AcceptedForm.FromRequest(http.Request);
        var shown = accepted.Form switch
        {
            ObjectForm.Table => new TableRendering(kind, Include(http), time).Table([content], ListMeta(content)),
            ObjectForm.PartialMetadata => TableRendering.Metadata(content),
            _ => content,
        };
        return JsonAsync(http, shown, code);
    }

    public static Task JsonAsync(HttpContext http, JsonNode content, int code = 200) => BytesAsync(http, JsonText.Encode(content), code);

    public static Task BytesAsync(HttpContext http, ReadOnlyMemory<byte> json, int code = 200, string type = "application/json")
    {
        http.Response.StatusCode = code;
        http.Response.ContentType = type;
        http.Response.ContentLength = json.Length;
        http.Response.Headers.CacheControl = "no-cache, private";
        return http.Response.Body.WriteAsync(json, http.RequestAborted).AsTask();
    }

    public static Task ErrorAsync(HttpContext http, ApiException error)
    {
        if (error.RetryAfter is { } seconds)
            http.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return JsonAsync(http, error.Status.Copy(), error.Code);
    }

    /// <summary>Adds Warning headers (RFC 7234, code 299).</summary>
    public static void Warn(HttpContext http, IEnumerable<string> warnings)
    {
        foreach (var warning in warnings)
        {
            var text = warning.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
            text = new string([.. text.Select(c => c is < ' ' or > '~' ? ' ' : c)]);
            http.Response.Headers.Append("Warning", $"299 - \"{(text.Length > 1024 ? text[..1024] : text)}\"");
        }
    }

    public static IncludeObject Include(HttpContext http) =>
        ((string?)http.Request.Query["includeObject"]) switch
        {
            "Object" => IncludeObject.Object,
            "None" => IncludeObject.None,
            _ => IncludeObject.Metadata,
        };

    public static JsonObject ListMeta(JsonObject content) =>
        new() { ["resourceVersion"] = content.Object("metadata").Text("resourceVersion") ?? "" };
}
