using System.Globalization;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.FieldManagement;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Patches;
using MeshOperator.LocalCluster.Protocol;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Schemas;
using MeshOperator.LocalCluster.Selectors;
using MeshOperator.LocalCluster.Store;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.LocalCluster.Http;

/// <summary>POST, PUT, PATCH and DELETE of stored objects.</summary>
internal sealed class WriteHandler(ObjectStore store, ObjectWriter writer, TimeProvider time)
{
    private const string PatchTypes =
        "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml";

    private const string CustomPatchTypes = "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";

    public static WriteRequest Request(HttpContext http, UserInfo user, Action? demandCreate = null)
    {
        var query = http.Request.Query;
        var manager = (string?)query["fieldManager"];
        if (manager is { Length: > 128 })
            throw ApiError.BadRequest("fieldManager: Too long: may not be more than 128 bytes");
        if (string.IsNullOrEmpty(manager))
        {
            var agent = http.Request.Headers.UserAgent.ToString();
            manager = agent.Length == 0 ? "unknown" : agent.Split('/', ' ')[0];
        }

        var dryRun = (string?)query["dryRun"];
        if (dryRun is { Length: > 0 } && dryRun != "All")
            throw ApiError.BadRequest($"dryRun: Unsupported value: \"{dryRun}\": supported values: \"All\"");
        return new WriteRequest(user, manager)
        {
            DryRun = dryRun == "All",
            Force = bool.TryParse(query["force"], out var force) && force,
            FieldValidation = (string?)query["fieldValidation"] switch
            {
                "Strict" => FieldValidation.Strict,
                "Ignore" => FieldValidation.Ignore,
                null or "" or "Warn" => FieldValidation.Warn,
                { } other => throw ApiError.BadRequest(
                    $"fieldValidation: Unsupported value: \"{other}\": supported values: \"Ignore\", \"Warn\", \"Strict\""
                ),
            },
            Cancellation = http.RequestAborted,
            DemandCreate = demandCreate,
        };
    }

    public async Task CreateAsync(HttpContext http, ResourceKind kind, string @namespace, WriteRequest request)
    {
        var body = await RequestBody.ObjectAsync(http.Request, request);
        var created = await writer.CreateAsync(kind, @namespace, body, request);
        Answer.Warn(http, request.Warnings);
        await Answer.ObjectAsync(http, kind, created, time, 201);
    }

    public async Task UpdateAsync(
        HttpContext http,
        ResourceKind kind,
        string @namespace,
        string name,
        string subresource,
        WriteRequest request
    )
    {
        var body = await RequestBody.ObjectAsync(http.Request, request);
        if (body.Name().Length == 0)
            throw ApiError.BadRequest("name must be provided");
        if (body.Name() != name)
            throw ApiError.BadRequest($"the name of the object ({body.Name()}) does not match the name on the URL ({name})");
        if (
            kind.IsCustom
            && string.IsNullOrEmpty(body.Object("metadata").Text("resourceVersion"))
            && store.Find(kind, @namespace, name) is not null
        )
        {
            var errors = new FieldErrors();
            errors.Invalid("metadata.resourceVersion", 0L, "must be specified for an update");
            throw ApiError.Invalid(kind, name, errors);
        }

        var updated = await writer.UpdateAsync(kind, @namespace, name, subresource, _ => body.Copy(), request);
        Answer.Warn(http, request.Warnings);
        await Answer.ObjectAsync(http, kind, updated, time);
    }

    public async Task PatchAsync(
        HttpContext http,
        ResourceKind kind,
        string @namespace,
        string name,
        string subresource,
        WriteRequest request
    )
    {
        var media = RequestBody.MediaType(http.Request);
        if (media == "application/apply-patch+yaml")
        {
            await ApplyAsync(http, kind, @namespace, name, subresource, request);
            return;
        }

        if (request.Force)
            throw ApiError.BadRequest(
                "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch"
            );
        var patch = await RequestBody.PatchAsync(http.Request, yaml: false, request);
        var updated = await writer.UpdateAsync(
            kind,
            @namespace,
            name,
            subresource,
            current => Patched(media, current, patch, kind),
            request
        );
        Answer.Warn(http, request.Warnings);
        await Answer.ObjectAsync(http, kind, updated, time);
    }

    /// <summary>Applies one of the three non-apply patches.</summary>
    /// <exception cref="ApiException">415 for another type, 400 or 422 for a patch that does not fit.</exception>
    public static JsonObject Patched(string media, JsonObject current, JsonNode? patch, ResourceKind kind)
    {
        try
        {
            var patched = media switch
            {
                "application/json-patch+json" => JsonPatch.Apply(
                    current,
                    patch as JsonArray ?? throw ApiError.BadRequest("a JSON patch must be an array of operations")
                ),
                "application/merge-patch+json" => MergePatch.Apply(
                    current,
                    patch as JsonObject ?? throw ApiError.BadRequest("a merge patch must be an object")
                ),
                "application/strategic-merge-patch+json" when kind.IsCustom => throw ApiError.UnsupportedMediaType(CustomPatchTypes),
                "application/strategic-merge-patch+json" => StrategicMergePatch.Apply(
                    current,
                    patch as JsonObject ?? throw ApiError.BadRequest("a strategic merge patch must be an object"),
                    kind.Schema
                ),
                _ => throw ApiError.UnsupportedMediaType(kind.IsCustom ? CustomPatchTypes : PatchTypes),
            };
            return patched as JsonObject ?? throw ApiError.BadRequest("the patched object is not an object");
        }
        catch (PatchException e)
        {
            if (media == "application/json-patch+json")
                throw ApiError.PatchDoesNotApply(e.Message);
            throw ApiError.BadRequest(e.Message);
        }
    }

    public async Task DeleteAsync(HttpContext http, ResourceKind kind, string @namespace, string name, WriteRequest request)
    {
        var options = DeleteOptions.Read(await RequestBody.OptionsAsync(http.Request), key => http.Request.Query[key]);
        var (content, gone) = await writer.DeleteAsync(kind, @namespace, name, options, request);
        Answer.Warn(http, request.Warnings);
        if (!gone || kind is { Group: "", Plural: "pods" })
        {
            await Answer.ObjectAsync(http, kind, content, time);
            return;
        }

        var details = new JsonObject { ["name"] = name };
        if (kind.Group.Length > 0)
            details["group"] = kind.Group;
        details["kind"] = kind.Plural;
        details["uid"] = content.Uid();
        await Answer.JsonAsync(
            http,
            new JsonObject
            {
                ["kind"] = "Status",
                ["apiVersion"] = "v1",
                ["metadata"] = new JsonObject(),
                ["status"] = "Success",
                ["details"] = details,
            }
        );
    }

    public async Task DeleteCollectionAsync(HttpContext http, ResourceKind kind, string? @namespace, WriteRequest request)
    {
        var options = DeleteOptions.Read(await RequestBody.OptionsAsync(http.Request), key => http.Request.Query[key]);
        var labels = LabelSelector.Parse(http.Request.Query["labelSelector"]);
        var fields = FieldSelector.Parse(http.Request.Query["fieldSelector"], kind);
        var deleted = new JsonArray();
        foreach (var stored in store.List(kind, @namespace).Where(o => labels.Matches(o.Labels) && fields.Matches(o)).ToList())
        {
            try
            {
                var (content, _) = await writer.DeleteAsync(kind, stored.Namespace, stored.Name, options, request);
                deleted.Add(content);
            }
            catch (ApiException e) when (e.Code == 404)
            {
                // Somebody else was faster; it is gone, as wanted.
            }
        }

        await Answer.JsonAsync(
            http,
            new JsonObject
            {
                ["kind"] = kind.ListKind,
                ["apiVersion"] = kind.ApiVersion,
                ["metadata"] = new JsonObject { ["resourceVersion"] = store.Revision.ToString(CultureInfo.InvariantCulture) },
                ["items"] = deleted,
            }
        );
    }

    private async Task ApplyAsync(
        HttpContext http,
        ResourceKind kind,
        string @namespace,
        string name,
        string subresource,
        WriteRequest request
    )
    {
        if (string.IsNullOrEmpty(http.Request.Query["fieldManager"]))
            throw ApiError.BadRequest(
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
            );
        var config =
            await RequestBody.PatchAsync(http.Request, yaml: true, request) as JsonObject
            ?? throw ApiError.BadRequest("an applied configuration must be an object");
        if (config.Name().Length > 0 && config.Name() != name)
            throw ApiError.BadRequest($"the name of the object ({config.Name()}) does not match the name on the URL ({name})");
        if (string.IsNullOrEmpty(config.Text("apiVersion")) || string.IsNullOrEmpty(config.Text("kind")))
            throw ApiError.BadRequest("the applied configuration must have apiVersion and kind");
        if (config.Object("metadata").Array("managedFields") is { Count: > 0 })
            throw ApiError.BadRequest("metadata.managedFields must be nil");
        Identity.Check(kind, @namespace, config);
        config.Meta()["name"] = name;
        var unknown = kind.Decode(config);
        foreach (var path in unknown)
            Identity.Report($"unknown field \"{path}\"", request);
        if (unknown.Count > 0 && request.FieldValidation == FieldValidation.Strict)
            throw ApiError.BadRequest($"strict decoding error: {string.Join(", ", unknown.Select(u => $"unknown field \"{u}\""))}");
        for (var attempt = 0; ; attempt++)
        {
            var now = Rfc3339.Seconds(time.GetUtcNow());
            try
            {
                if (store.Find(kind, @namespace, name) is not null)
                {
                    var updated = await writer.UpdateAsync(
                        kind,
                        @namespace,
                        name,
                        subresource,
                        current => FieldManager.Apply(current, config, kind, request.FieldManager, subresource, request.Force, now),
                        request,
                        tracked: true
                    );
                    Answer.Warn(http, request.Warnings);
                    await Answer.ObjectAsync(http, kind, updated, time);
                    return;
                }

                if (subresource.Length > 0)
                    throw ApiError.NotFound(kind, name);
                request.DemandCreate?.Invoke();
                if (config.Object("metadata").Text("uid") is { Length: > 0 } uid)
                    throw ApiError.Conflict(
                        kind,
                        name,
                        $"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                    );
                var applied = FieldManager.Apply(null, config, kind, request.FieldManager, "", request.Force, now);
                var created = await writer.CreateAsync(kind, @namespace, applied, request, tracked: true);
                Answer.Warn(http, request.Warnings);
                await Answer.ObjectAsync(http, kind, created, time, 201);
                return;
            }
            catch (ApiException e) when (attempt < 3 && e.Reason is "AlreadyExists")
            {
                // Created meanwhile by somebody else: apply to that.
            }
        }
    }
}
