using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Authentication;
using MeshOperator.LocalCluster.Authorization;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Protocol;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Schemas;
using MeshOperator.LocalCluster.Store;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.LocalCluster.Http;

/// <summary>What is asked and answered but not stored: reviews and token requests.</summary>
internal sealed class ReviewHandler(
    ObjectStore store,
    KindRegistry kinds,
    BearerAuthentication authentication,
    AccessReviews access,
    ServiceAccountTokens tokens,
    ObjectWriter writer,
    TimeProvider time
)
{
    private const long DefaultExpiry = 3600;
    private const long ShortestExpiry = 600;
    private const long LongestExpiry = 1L << 32;

    public async Task CreateAsync(HttpContext http, ResourceKind kind, UserInfo user)
    {
        var request = WriteHandler.Request(http, user);
        var review = await RequestBody.ObjectAsync(http.Request, request);
        Identity.Check(kind, review.Namespace().Length > 0 ? review.Namespace() : "default", review);
        kind.Decode(review);
        review["status"] = kind.Plural switch
        {
            "tokenreviews" => Token(review.Object("spec")),
            "selfsubjectreviews" => new JsonObject { ["userInfo"] = User(user) },
            var plural => access.Status(plural, review.Object("spec"), user),
        };
        Answer.Warn(http, request.Warnings);
        await Answer.JsonAsync(http, review, 201);
    }

    /// <summary>serviceaccounts/token, namespaces/finalize, pods/eviction and pods/binding.</summary>
    public async Task<bool> TrySubresourceAsync(
        HttpContext http,
        ResourceKind kind,
        string @namespace,
        string name,
        string subresource,
        UserInfo user
    )
    {
        if (kind.Group.Length > 0)
            return false;
        var request = WriteHandler.Request(http, user);
        switch (kind.Plural, subresource, http.Request.Method)
        {
            case ("serviceaccounts", "token", "POST"):
                await Answer.JsonAsync(
                    http,
                    RequestToken(await RequestBody.ObjectAsync(http.Request, request), kind, @namespace, name),
                    201
                );
                return true;
            case ("namespaces", "finalize", "PUT"):
                var body = await RequestBody.ObjectAsync(http.Request, request);
                var content = await FinalizeAsync(kind, name, body["spec"]?["finalizers"] as JsonArray ?? [], request);
                await Answer.JsonAsync(http, content);
                return true;
            case ("pods", "eviction", "POST"):
                var eviction = await RequestBody.ObjectAsync(http.Request, request);
                await writer.DeleteAsync(kind, @namespace, name, DeleteOptions.Read(eviction.Object("deleteOptions"), _ => null), request);
                await Answer.JsonAsync(
                    http,
                    new JsonObject
                    {
                        ["kind"] = "Status",
                        ["apiVersion"] = "v1",
                        ["metadata"] = new JsonObject(),
                        ["status"] = "Success",
                    },
                    201
                );
                return true;
            default:
                return false;
        }
    }

    private async Task<JsonObject> FinalizeAsync(ResourceKind kind, string name, JsonArray finalizers, WriteRequest request)
    {
        await Task.Yield();
        for (var attempt = 0; attempt < 8; attempt++)
        {
            var current = store.Find(kind, "", name) ?? throw ApiError.NotFound(kind, name);
            var content = current.Parse();
            content["spec"] = new JsonObject { ["finalizers"] = finalizers.DeepClone() };
            if (request.DryRun)
                return content;
            var goes = current.IsDeleting && !current.HasFinalizers && finalizers.Count == 0;
            if ((goes ? store.TryRemove(kind, current, content) : store.TryPut(kind, content, current)) is { } stored)
                return stored.Parse();
        }

        throw ApiError.Modified(kind, name);
    }

    private JsonObject Token(JsonObject? spec)
    {
        var audiences = spec.Texts("audiences").ToArray();
        if (audiences.Length == 0)
            audiences = [ServiceAccountTokens.Issuer];
        var (user, shared, error) = authentication.Review(spec.Text("token") ?? "", audiences);
        if (user is null)
            return new JsonObject
            {
                ["authenticated"] = false,
                ["user"] = new JsonObject(),
                ["error"] = error,
            };
        return new JsonObject
        {
            ["authenticated"] = true,
            ["user"] = User(user),
            ["audiences"] = Texts(shared),
        };
    }

    private static JsonObject User(UserInfo user)
    {
        var json = new JsonObject { ["username"] = user.Name };
        if (user.Uid.Length > 0)
            json["uid"] = user.Uid;
        json["groups"] = Texts(user.Groups);
        if (user.Extra.Count == 0)
            return json;
        var extra = json.Ensure("extra");
        foreach (var (key, values) in user.Extra)
            extra[key] = Texts(values);
        return json;
    }

    private static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(t => (JsonNode?)t)]);

    private JsonObject RequestToken(JsonObject body, ResourceKind kind, string @namespace, string name)
    {
        var account = store.Find(kind, @namespace, name) ?? throw ApiError.NotFound(kind, name);
        var spec = body.Ensure("spec");
        var errors = new FieldErrors();
        var seconds = spec.Integer("expirationSeconds") ?? DefaultExpiry;
        if (seconds < ShortestExpiry)
            errors.Invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes");
        if (seconds > LongestExpiry)
            errors.Invalid("spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds");
        StoredObject? pod = null;
        if (spec.Object("boundObjectRef") is { Count: > 0 } bound)
        {
            if (bound.Text("kind") != "Pod")
            {
                errors.Invalid("spec.boundObjectRef", bound.DeepClone(), "only tokens bound to a Pod can be issued here");
            }
            else
            {
                var pods = kinds.Builtin("", "pods");
                pod = store.Find(pods, @namespace, bound.Text("name") ?? "") ?? throw ApiError.NotFound(pods, bound.Text("name") ?? "");
                if (bound.Text("uid") is { Length: > 0 } uid && uid != pod.Uid)
                    throw ApiError.Conflict(
                        pods,
                        pod.Name,
                        $"the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been "
                            + "deleted and then recreated"
                    );
                if (pod.Fields.GetValueOrDefault("spec.serviceAccountName") != name)
                    throw ApiError.BadRequest(
                        $"cannot bind token for serviceaccount \"{name}\" to pod running with different serviceaccount name."
                    );
            }
        }

        if (errors.Any)
            throw ApiError.Invalid("TokenRequest.authentication.k8s.io", "authentication.k8s.io", "TokenRequest", name, errors);
        var audiences = spec.Texts("audiences").ToArray();
        if (audiences.Length == 0)
            audiences = [ServiceAccountTokens.Issuer];
        var expires = time.GetUtcNow().AddSeconds(seconds);
        spec["audiences"] = Texts(audiences);
        spec["expirationSeconds"] = seconds;
        return new JsonObject
        {
            ["kind"] = "TokenRequest",
            ["apiVersion"] = "authentication.k8s.io/v1",
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["namespace"] = @namespace,
                ["creationTimestamp"] = Rfc3339.Seconds(time.GetUtcNow()),
            },
            ["spec"] = spec.DeepClone(),
            ["status"] = new JsonObject
            {
                ["token"] = tokens.Issue(account, audiences, expires, pod),
                ["expirationTimestamp"] = Rfc3339.Seconds(expires),
            },
        };
    }
}
