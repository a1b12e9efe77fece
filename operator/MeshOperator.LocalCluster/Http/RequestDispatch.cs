using System.Text.Json;
using MeshOperator.LocalCluster.Authentication;
using MeshOperator.LocalCluster.Authorization;
using MeshOperator.LocalCluster.Discovery;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Protocol;
using MeshOperator.LocalCluster.Registry;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace MeshOperator.LocalCluster.Http;

/// <summary>Leads every request to its handler, and turns every failure into a metav1.Status.</summary>
internal sealed class RequestDispatch(
    KindRegistry kinds,
    IAuthentication authentication,
    Authorizer authorizer,
    DiscoveryDocuments discovery,
    OpenApiDocuments openApi,
    ReadHandler reads,
    WatchHandler watches,
    WriteHandler writes,
    ScaleHandler scales,
    ReviewHandler reviews,
    ILogger logger
)
{
    public async Task HandleAsync(HttpContext http)
    {
        try
        {
            await RouteAsync(http);
        }
        catch (ApiException e) when (!http.Response.HasStarted)
        {
            await Answer.ErrorAsync(http, e);
        }
        catch (Exception e)
            when (http.RequestAborted.IsCancellationRequested || e is OperationCanceledException or ConnectionResetException)
        {
            http.Abort();
        }
        catch (BadHttpRequestException e) when (!http.Response.HasStarted)
        {
            await Answer.ErrorAsync(http, ApiError.BadRequest(e.Message));
        }
        catch (JsonException e) when (!http.Response.HasStarted)
        {
            await Answer.ErrorAsync(http, ApiError.BadRequest(e.Message));
        }
        catch (Exception e)
        {
            logger.RequestFailed(e, http.Request.Method, http.Request.Path);
            if (http.Response.HasStarted)
                http.Abort();
            else
                await Answer.ErrorAsync(http, ApiError.Internal(e.Message));
        }
    }

    private async Task RouteAsync(HttpContext http)
    {
        var path = http.Request.Path.Value ?? "/";
        if (
            path is "/healthz" or "/livez" or "/readyz"
            || path.StartsWith("/livez/", StringComparison.Ordinal)
            || path.StartsWith("/readyz/", StringComparison.Ordinal)
        )
        {
            await Answer.BytesAsync(http, "ok"u8.ToArray(), 200, "text/plain; charset=utf-8");
            return;
        }

        var user = authentication.Authenticate(http.Request.Headers.Authorization) ?? throw ApiError.Unauthorized();
        user = Impersonation.Apply(http.Request, user, authorizer);
        var access = AccessRequest.FromRequest(user, RequestAttributes.FromRequest(http.Request));
        authorizer.Demand(access);
        if (path.StartsWith("/openapi/", StringComparison.Ordinal))
        {
            await openApi.AnswerAsync(http, path);
            return;
        }

        if (await discovery.TryAnswerAsync(http, path))
            return;
        var parsed = RequestPath.Parse(path) ?? throw ApiError.NoSuchPath();
        var kind = kinds.Find(parsed.Group, parsed.Version, parsed.Resource) ?? throw ApiError.NoSuchPath();
        await ResourceAsync(http, kind, parsed, access);
    }

    private async Task ResourceAsync(HttpContext http, ResourceKind kind, RequestPath path, AccessRequest access)
    {
        var user = access.User;
        var method = http.Request.Method;
        if (!kind.Namespaced && path.Namespace is not null)
            throw ApiError.NoSuchPath();
        if (path.Name is null)
        {
            await CollectionAsync(http, kind, path.Namespace, user);
            return;
        }

        if (kind.CreateOnly)
            throw ApiError.MethodNotAllowed();
        if (kind.Namespaced && path.Namespace is null)
            throw ApiError.NoSuchPath();
        var @namespace = path.Namespace ?? "";
        var subresource = path.Subresource;
        switch (subresource)
        {
            case "":
            case "status" when kind.HasStatus:
                break;
            case "scale" when kind.Scale is not null:
                if (method == "GET")
                    await scales.GetAsync(http, kind, @namespace, path.Name);
                else if (method is "PUT" or "PATCH")
                    await scales.WriteAsync(http, kind, @namespace, path.Name, WriteHandler.Request(http, user));
                else
                    throw ApiError.MethodNotAllowed();
                return;
            default:
                if (await reviews.TrySubresourceAsync(http, kind, @namespace, path.Name, subresource, user))
                    return;
                throw ApiError.NoSuchPath();
        }

        switch (method)
        {
            case "GET" when subresource.Length == 0 && IsWatch(http):
                await watches.WatchAsync(http, kind, path.Namespace);
                return;
            case "GET" or "HEAD":
                await reads.GetAsync(http, kind, @namespace, path.Name);
                return;
            case "PUT":
                await writes.UpdateAsync(http, kind, @namespace, path.Name, subresource, WriteHandler.Request(http, user));
                return;
            case "PATCH":
                await writes.PatchAsync(
                    http,
                    kind,
                    @namespace,
                    path.Name,
                    subresource,
                    WriteHandler.Request(http, user, () => authorizer.Demand(access with { Verb = "create" }))
                );
                return;
            case "DELETE" when subresource.Length == 0:
                await writes.DeleteAsync(http, kind, @namespace, path.Name, WriteHandler.Request(http, user));
                return;
            default:
                throw ApiError.MethodNotAllowed();
        }
    }

    private async Task CollectionAsync(HttpContext http, ResourceKind kind, string? @namespace, UserInfo user)
    {
        var method = http.Request.Method;
        if (kind.CreateOnly)
        {
            if (method != "POST")
                throw ApiError.MethodNotAllowed();
            await reviews.CreateAsync(http, kind, user);
            return;
        }

        switch (method)
        {
            case "GET" when IsWatch(http):
                await watches.WatchAsync(http, kind, @namespace);
                return;
            case "GET" or "HEAD":
                await reads.ListAsync(http, kind, @namespace);
                return;
            case "POST" when !kind.Namespaced || @namespace is not null:
                await writes.CreateAsync(http, kind, @namespace ?? "", WriteHandler.Request(http, user));
                return;
            case "DELETE" when !kind.Namespaced || @namespace is not null:
                await writes.DeleteCollectionAsync(http, kind, @namespace, WriteHandler.Request(http, user));
                return;
            default:
                throw ApiError.MethodNotAllowed();
        }
    }

    private static bool IsWatch(HttpContext http) => (string?)http.Request.Query["watch"] is "true" or "1" or "True";
}
