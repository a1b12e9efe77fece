using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Kubernetes.Admission;

/// <summary>HTTP endpoints that speak <c>admission.k8s.io/v1</c> for webhooks.</summary>
public static class AdmissionEndpoints
{
    private const long LongestReview = 8 * 1024 * 1024;

    /// <summary>Maps <c>POST /mutate/&lt;plural&gt;</c> to a webhook from the services.</summary>
    public static IEndpointConventionBuilder MapMutationWebhook<TEntity>(this IEndpointRouteBuilder endpoints)
        where TEntity : class, IKubernetesObject<V1ObjectMeta> =>
        Map(endpoints, "mutate", ResourceKind.Of<TEntity>(), MutateAsync<TEntity>);

    /// <summary>Maps <c>POST /validate/&lt;plural&gt;</c> to a webhook from the services.</summary>
    public static IEndpointConventionBuilder MapValidationWebhook<TEntity>(this IEndpointRouteBuilder endpoints)
        where TEntity : class, IKubernetesObject<V1ObjectMeta> =>
        Map(endpoints, "validate", ResourceKind.Of<TEntity>(), ValidateAsync<TEntity>);

    private static RouteHandlerBuilder Map(
        IEndpointRouteBuilder endpoints, string verb, ResourceKind kind, Func<IServiceProvider, JsonObject, CancellationToken, Task<JsonObject>> answer)
    {
        var path = $"/{verb}/{kind.Plural}";
        return endpoints.MapPost(path, async (HttpContext http, ILoggerFactory loggers) =>
        {
            var logger = loggers.CreateLogger("MeshOperator.Kubernetes.Admission");
            if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = LongestReview;
            JsonObject? request;
            string uid;
            try
            {
                var review = await JsonNode.ParseAsync(http.Request.Body, cancellationToken: http.RequestAborted) as JsonObject;
                request = review?["request"] as JsonObject;
                uid = (string?)request?["uid"] ?? throw new JsonException("request.uid is missing");
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
            {
                Log.WebhookMalformed(logger, path, e.Message);
                return Results.BadRequest("not an AdmissionReview of admission.k8s.io/v1: " + e.Message);
            }

            JsonObject response;
            try
            {
                response = await answer(http.RequestServices, request!, http.RequestAborted);
            }
            catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException)
            {
                Log.WebhookMalformed(logger, path, e.Message);
                response = ToResponse(AdmissionResult.Deny($"The {kind.Kind} cannot be read: {e.Message}", 400));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                Log.WebhookFailed(logger, e, path);
                response = ToResponse(AdmissionResult.Deny($"The operator failed on this {kind.Kind} ({e.GetType().Name}); its log tells more.", 500));
            }

            response["uid"] = uid;
            var answered = new JsonObject { ["apiVersion"] = "admission.k8s.io/v1", ["kind"] = "AdmissionReview", ["response"] = response };
            return Results.Text(answered.ToJsonString(), "application/json");
        });
    }

    private static async Task<JsonObject> MutateAsync<TEntity>(IServiceProvider services, JsonObject request, CancellationToken cancellation)
        where TEntity : class, IKubernetesObject<V1ObjectMeta>
    {
        var entity = Read<TEntity>(request["object"]) ?? throw new JsonException("request.object is missing");
        // The difference is between what this program reads and what it makes of it: fields that it does not know are in neither.
        var before = Write(entity);
        var result = await services.GetRequiredService<MutationWebhook<TEntity>>().MutateAsync(entity, Context(request), cancellation);
        var response = ToResponse(result);
        if (!result.Allowed) return response;
        var patch = JsonDiff.Between(before, Write(entity));
        if (patch.Count == 0) return response;
        response["patchType"] = "JSONPatch";
        response["patch"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(AgainstOriginal(patch, (JsonObject)request["object"]!).ToJsonString()));
        return response;
    }

    /// <summary>A patch is computed on the typed form; where that has a map or list that the original lacks or writes as null, the
    /// path's parent must be made first.</summary>
    private static JsonArray AgainstOriginal(JsonArray patch, JsonObject original)
    {
        var root = (JsonObject)original.DeepClone();
        var result = new JsonArray();
        foreach (var operation in patch.OfType<JsonObject>())
        {
            MakeParents(root, (string)operation["path"]!, result);
            result.Add(operation.DeepClone());
        }

        return result;
    }

    private static void MakeParents(JsonObject root, string path, JsonArray patch)
    {
        var segments = path.Split('/')[1..^1];
        JsonNode? node = root;
        var at = string.Empty;
        foreach (var segment in segments)
        {
            at += "/" + segment;
            var key = segment.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            if (node is not JsonObject map) return;
            if (map[key] is null)
            {
                map[key] = new JsonObject();
                patch.Add(new JsonObject { ["op"] = "add", ["path"] = at, ["value"] = new JsonObject() });
            }

            node = map[key];
        }
    }

    private static async Task<JsonObject> ValidateAsync<TEntity>(IServiceProvider services, JsonObject request, CancellationToken cancellation)
        where TEntity : class, IKubernetesObject<V1ObjectMeta>
    {
        var entity = Read<TEntity>(request["object"]) ?? throw new JsonException("request.object is missing");
        var old = Read<TEntity>(request["oldObject"]);
        return ToResponse(await services.GetRequiredService<ValidationWebhook<TEntity>>().ValidateAsync(entity, old, Context(request), cancellation));
    }

    private static AdmissionContext Context(JsonObject request) => new(
        (string?)request["operation"] ?? "CREATE",
        (string?)request["namespace"] ?? string.Empty,
        (bool?)request["dryRun"] ?? false);

    private static JsonObject ToResponse(AdmissionResult result)
    {
        var response = new JsonObject { ["allowed"] = result.Allowed };
        if (!result.Allowed) response["status"] = new JsonObject { ["code"] = result.Code, ["message"] = result.Message };
        if (result.Warnings.Count > 0) response["warnings"] = new JsonArray([.. result.Warnings.Select(w => JsonValue.Create(w))]);
        return response;
    }

    private static TEntity? Read<TEntity>(JsonNode? json)
        where TEntity : class => json is null ? null : KubernetesJson.Deserialize<TEntity>(json.ToJsonString());

    private static JsonNode Write<TEntity>(TEntity entity) => JsonNode.Parse(KubernetesJson.Serialize(entity))!;
}
