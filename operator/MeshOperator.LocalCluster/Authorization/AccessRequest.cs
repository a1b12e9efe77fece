using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Protocol;
using MeshOperator.LocalCluster.Registry;

namespace MeshOperator.LocalCluster.Authorization;

/// <summary>Somebody wants to do something with a resource or, if <paramref name="Path"/> is not empty, with a path.</summary>
internal sealed record AccessRequest(
    UserInfo User,
    string Verb,
    string Group = "",
    string Resource = "",
    string Subresource = "",
    string Namespace = "",
    string Name = "",
    string Path = ""
)
{
    public bool IsResource => Path.Length == 0;

    /// <summary>The resource as roles name it: <c>pods/status</c>.</summary>
    public string FullResource => Subresource.Length == 0 ? Resource : $"{Resource}/{Subresource}";

    /// <summary>The error that refuses this </summary>
    /// <param name="reason">What the authorizer says about it; empty when nothing.</param>
    public ApiException Deny(string reason)
    {
        var because = IsResource
            ? $"User \"{User.Name}\" cannot {Verb} resource \"{FullResource}\" in API group \"{Group}\" "
                + (Namespace.Length > 0 ? $"in the namespace \"{Namespace}\"" : "at the cluster scope")
            : $"User \"{User.Name}\" cannot {Verb} path \"{Path}\"";
        if (reason.Length > 0)
            because += $": {reason}";
        var qualified = Group.Length == 0 ? Resource : $"{Resource}.{Group}";
        var subject =
            !IsResource ? ""
            : Name.Length == 0 ? qualified + " is "
            : $"{qualified} \"{Name}\" is ";
        var details = new JsonObject();
        if (Name.Length > 0)
            details["name"] = Name;
        if (Group.Length > 0)
            details["group"] = Group;
        if (IsResource)
            details["kind"] = Resource;
        return new ApiException(403, ApiError.Status(403, "Forbidden", $"{subject}forbidden: {because}", details));
    }

    public static AccessRequest FromRequest(UserInfo user, RequestAttributes request) =>
        request.Resource is { } resource
            ? new AccessRequest(
                user,
                request.Verb,
                resource.Group,
                resource.Resource,
                resource.Subresource,
                request.Namespace,
                request.Name
            )
            : new AccessRequest(user, request.Verb, Path: request.Path);

    /// <summary>What an access review asks about.</summary>
    public static AccessRequest FromReview(UserInfo user, JsonObject? spec)
    {
        if (spec.Object("nonResourceAttributes") is { } path)
            return new AccessRequest(user, path.Text("verb") ?? "", Path: path.Text("path") ?? "/");
        var resource = spec.Object("resourceAttributes");
        return new AccessRequest(
            user,
            resource.Text("verb") ?? "",
            resource.Text("group") ?? "",
            resource.Text("resource") ?? "",
            resource.Text("subresource") ?? "",
            resource.Text("namespace") ?? "",
            resource.Text("name") ?? ""
        );
    }
}

/// <summary>Whether it is allowed, and what the authorizer has to say about that.</summary>
internal sealed record AccessDecision(bool Allowed, string Reason);
