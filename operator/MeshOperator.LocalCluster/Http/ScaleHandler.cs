using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Protocol;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Store;
using MeshOperator.LocalCluster.Tables;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.LocalCluster.Http;

/// <summary>The /scale subresource: autoscaling/v1 Scale.</summary>
internal sealed class ScaleHandler(ObjectStore store, ObjectWriter writer)
{
    public Task GetAsync(HttpContext http, ResourceKind kind, string @namespace, string name)
    {
        var found = store.Find(kind, @namespace, name) ?? throw ApiError.NotFound(kind, name);
        return Answer.JsonAsync(http, Scale(kind, found.Parse(kind)));
    }

    public async Task WriteAsync(HttpContext http, ResourceKind kind, string @namespace, string name, WriteRequest request)
    {
        var media = RequestBody.MediaType(http.Request);
        var isPatch = http.Request.Method == "PATCH";
        var body = isPatch
            ? await RequestBody.PatchAsync(http.Request, media == "application/apply-patch+yaml", request)
            : await RequestBody.ObjectAsync(http.Request, request);
        var paths = kind.Scale!;
        var updated = await writer.UpdateAsync(
            kind,
            @namespace,
            name,
            "",
            current =>
            {
                var scale = isPatch
                    ? WriteHandler.Patched(
                        media is "application/json-patch+json" ? media : "application/merge-patch+json",
                        Scale(kind, current),
                        body,
                        kind
                    )
                    : (JsonObject)body!;
                if (scale.At("spec.replicas") is not null and var given && given.AsInteger() is null or < 0)
                {
                    var errors = new FieldErrors();
                    errors.Invalid("spec.replicas", given!.DeepClone(), "must be greater than or equal to 0");
                    throw ApiError.Invalid("Scale.autoscaling", "autoscaling", "Scale", name, errors);
                }

                var steps = paths.Replicas.Split('.');
                var target = steps[..^1].Aggregate(current, (node, step) => node.Ensure(step));
                target[steps[^1]] = scale.At("spec.replicas").AsInteger() ?? 0;
                if (scale.Object("metadata").Text("resourceVersion") is { Length: > 0 } version)
                    current.Meta()["resourceVersion"] = version;
                return current;
            },
            request
        );
        Answer.Warn(http, request.Warnings);
        await Answer.JsonAsync(http, Scale(kind, updated));
    }

    private static JsonObject Scale(ResourceKind kind, JsonObject content)
    {
        var metadata = new JsonObject { ["name"] = content.Name() };
        if (content.Namespace().Length > 0)
            metadata["namespace"] = content.Namespace();
        foreach (var field in new[] { "uid", "resourceVersion", "creationTimestamp" })
            metadata[field] = content.Meta()[field]?.DeepClone();
        var status = new JsonObject { ["replicas"] = content.At(kind.Scale!.StatusReplicas).AsInteger() ?? 0 };
        if (kind.Scale.Selector is { } path && content.At(path) is { } selector)
            status["selector"] = selector.AsText() ?? BuiltinColumns.LabelText(selector);
        return new JsonObject
        {
            ["kind"] = "Scale",
            ["apiVersion"] = "autoscaling/v1",
            ["metadata"] = metadata,
            ["spec"] = new JsonObject { ["replicas"] = content.At(kind.Scale.Replicas).AsInteger() ?? 0 },
            ["status"] = status,
        };
    }
}
