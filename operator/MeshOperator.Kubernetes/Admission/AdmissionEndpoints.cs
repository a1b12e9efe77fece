using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Kubernetes.Metrics;
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
    /// <summary>An object may have 3 MiB in the API server, and an update carries two.</summary>
    private const long LongestReview = 8 * 1024 * 1024;

    private static readonly TimeSpan DefaultPatience = TimeSpan.FromSeconds(9);

    /// <summary>Maps <c>POST /mutate/&lt;plural&gt;</c> to a webhook from the services.</summary>
    public static IEndpointConventionBuilder MapMutationWebhook<TEntity>(this IEndpointRouteBuilder endpoints)
        where TEntity : class, IKubernetesObject<V1ObjectMeta> =>
        Map(endpoints, "mutate", ResourceKind.ForEntity<TEntity>(), MutateAsync<TEntity>);

    /// <summary>Maps <c>POST /validate/&lt;plural&gt;</c> to a webhook from the services.</summary>
    public static IEndpointConventionBuilder MapValidationWebhook<TEntity>(this IEndpointRouteBuilder endpoints)
        where TEntity : class, IKubernetesObject<V1ObjectMeta> =>
        Map(endpoints, "validate", ResourceKind.ForEntity<TEntity>(), ValidateAsync<TEntity>);

    private static RouteHandlerBuilder Map(
        IEndpointRouteBuilder endpoints,
        string verb,
        ResourceKind kind,
        Func<IServiceProvider, JsonObject, CancellationToken, Task<JsonObject>> answer
    )
    {
        var path = $"/{verb}/{kind.Plural}";
        return endpoints.MapPost(
            path,
            async (HttpContext http, ILoggerFactory loggers) =>
            {
                var logger = loggers.CreateLogger("MeshOperator.Kubernetes.Admission");
                var time = http.RequestServices.GetService<TimeProvider>() ?? TimeProvider.System;
                var started = time.GetTimestamp();
                var patience = Patience(http.Request.Query["timeout"]);
                using var timeout = new CancellationTokenSource(patience, time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, http.RequestAborted);
                var outcome = "cancelled";
                try
                {
                    (outcome, var result) = await AnswerAsync(http, path, kind, answer, logger, either.Token);
                    return result;
                }
                catch (OperationCanceledException) when (timeout.IsCancellationRequested && !http.RequestAborted.IsCancellationRequested)
                {
                    // No verdict: what happens to the object is for the webhook's failurePolicy.
                    outcome = "timeout";
                    Log.WebhookTimedOut(logger, path, patience.TotalSeconds);
                    return Results.Text($"no answer within {patience.TotalSeconds:0.0} s", statusCode: StatusCodes.Status504GatewayTimeout);
                }
                finally
                {
                    KubernetesMetrics.WebhookDuration.Record(
                        time.GetElapsedTime(started).TotalSeconds,
                        new("webhook", path),
                        new KeyValuePair<string, object?>("outcome", outcome)
                    );
                }
            }
        );
    }

    /// <summary>The API server says in the query how long it waits (<c>10s</c>); the answer must be out before.</summary>
    private static TimeSpan Patience(string? given) =>
        given is { Length: > 1 }
        && given[^1] == 's'
        && int.TryParse(given[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
        && seconds is > 0 and <= 30
            ? TimeSpan.FromSeconds(seconds) * 0.9
            : DefaultPatience;

    private static async Task<(string Outcome, IResult Result)> AnswerAsync(
        HttpContext http,
        string path,
        ResourceKind kind,
        Func<IServiceProvider, JsonObject, CancellationToken, Task<JsonObject>> answer,
        ILogger logger,
        CancellationToken cancellation
    )
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = LongestReview;
        JsonObject? request;
        string uid;
        try
        {
            var review = await JsonNode.ParseAsync(http.Request.Body, cancellationToken: cancellation) as JsonObject;
            request = review?["request"] as JsonObject;
            uid = (string?)request?["uid"] ?? throw new JsonException("request.uid is missing");
        }
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            Log.WebhookMalformed(logger, path, e.Message);
            return ("malformed", Results.Text($"the review is longer than {LongestReview} bytes", statusCode: e.StatusCode));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            Log.WebhookMalformed(logger, path, e.Message);
            return ("malformed", Results.BadRequest("not an AdmissionReview of admission.k8s.io/v1: " + e.Message));
        }

        JsonObject response;
        string? outcome = null;
        try
        {
            // A webhook that does not look at its token must not hold the answer up.
            response = await answer(http.RequestServices, request!, cancellation).WaitAsync(cancellation);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or FormatException)
        {
            outcome = "malformed";
            Log.WebhookMalformed(logger, path, e.Message);
            response = ToResponse(AdmissionResult.Deny($"The {kind.Kind} cannot be read: {JsonProblem.Describe(e)}", 400));
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            outcome = "error";
            Log.WebhookFailed(logger, e, path);
            response = ToResponse(AdmissionResult.Deny($"The operator failed on this {kind.Kind}; see its log.", 500));
        }

        outcome ??= (bool)response["allowed"]! ? "allowed" : "denied";
        response["uid"] = uid;
        var answered = new JsonObject
        {
            ["apiVersion"] = "admission.k8s.io/v1",
            ["kind"] = "AdmissionReview",
            ["response"] = response,
        };
        return (outcome, Results.Text(answered.ToJsonString(), "application/json"));
    }

    private static async Task<JsonObject> MutateAsync<TEntity>(
        IServiceProvider services,
        JsonObject request,
        CancellationToken cancellation
    )
        where TEntity : class, IKubernetesObject<V1ObjectMeta>
    {
        var original = request["object"];
        var entity = Read<TEntity>(original) ?? throw new JsonException("request.object is missing");
        var before = EntityJson.ToNode(entity);
        var result = await services.GetRequiredService<MutationWebhook<TEntity>>().MutateAsync(entity, Context(request), cancellation);
        var response = ToResponse(result);
        if (!result.Allowed)
            return response;
        // The patch is applied to what was sent, not to what this program reads of it.
        var patch = JsonDiff.Between(original, TypedChange.Apply(original, before, EntityJson.ToNode(entity)));
        if (patch.Count == 0)
            return response;
        response["patchType"] = "JSONPatch";
        response["patch"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(patch.ToJsonString()));
        return response;
    }

    private static async Task<JsonObject> ValidateAsync<TEntity>(
        IServiceProvider services,
        JsonObject request,
        CancellationToken cancellation
    )
        where TEntity : class, IKubernetesObject<V1ObjectMeta>
    {
        var old = Read<TEntity>(request["oldObject"]);
        // Of a deletion there is only the old form.
        var entity = Read<TEntity>(request["object"]) ?? old ?? throw new JsonException("request.object is missing");
        return ToResponse(
            await services.GetRequiredService<ValidationWebhook<TEntity>>().ValidateAsync(entity, old, Context(request), cancellation)
        );
    }

    private static AdmissionContext Context(JsonObject request) =>
        new((string?)request["operation"] ?? "CREATE", (string?)request["namespace"] ?? string.Empty, (bool?)request["dryRun"] ?? false);

    private static JsonObject ToResponse(AdmissionResult result)
    {
        var response = new JsonObject { ["allowed"] = result.Allowed };
        if (!result.Allowed)
            response["status"] = new JsonObject { ["code"] = result.Code, ["message"] = result.Message };
        if (result.Warnings.Count > 0)
            response["warnings"] = new JsonArray([.. result.Warnings.Select(w => JsonValue.Create(w))]);
        return response;
    }

    private static TEntity? Read<TEntity>(JsonNode? json)
        where TEntity : class => json is null ? null : EntityJson.Deserialize<TEntity>(json);
}
