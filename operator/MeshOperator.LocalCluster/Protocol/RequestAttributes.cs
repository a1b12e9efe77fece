using Microsoft.AspNetCore.Http;

namespace MeshOperator.LocalCluster.Protocol;

/// <summary>What a request wants, in the words of authorization: a verb on a resource, or on a path that is no resource.</summary>
internal sealed record RequestAttributes(string Verb, string Path, RequestPath? Resource)
{
    /// <summary>The resource with its group, as errors name it: <c>deployments.apps</c>.</summary>
    public string QualifiedResource =>
        Resource is null ? ""
        : Resource.Group.Length == 0 ? Resource.Resource
        : $"{Resource.Resource}.{Resource.Group}";

    /// <summary>The namespace; a Namespace itself counts as being in it. Empty for cluster-wide requests.</summary>
    public string Namespace => Resource?.Namespace ?? (Resource is { Group: "", Resource: "namespaces", Name: { } name } ? name : "");

    /// <summary>The object's name; for lists and watches the one that their field selector asks for. Empty if there is none.</summary>
    public string Name { get; private init; } = "";

    /// <summary>Whether it asks for a further page of a list.</summary>
    public bool IsContinued { get; private init; }

    public static RequestAttributes FromRequest(HttpRequest request)
    {
        var path = request.Path.Value ?? "/";
        var resource = RequestPath.Parse(path);
        if (resource is null)
            return new RequestAttributes(request.Method.ToLowerInvariant(), path, null);
        var isWatch = (string?)request.Query["watch"] is "true" or "1" or "True";
        var verb = request.Method switch
        {
            "GET" or "HEAD" => isWatch ? "watch"
            : resource.Name is null ? "list"
            : "get",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => resource.Name is null ? "deletecollection" : "delete",
            var other => other.ToLowerInvariant(),
        };
        return new RequestAttributes(verb, path, resource)
        {
            Name = resource.Name ?? SelectedName(request.Query["fieldSelector"]),
            IsContinued = verb == "list" && !string.IsNullOrEmpty(request.Query["continue"]),
        };
    }

    private static string SelectedName(string? fieldSelector)
    {
        const string Prefix = "metadata.name=";
        var term = fieldSelector?.Split(',').FirstOrDefault(t => t.StartsWith(Prefix, StringComparison.Ordinal));
        return term is null ? "" : term[Prefix.Length..].TrimStart('=');
    }
}
