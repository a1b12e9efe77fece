using System.Text.Json.Nodes;

namespace MeshOperator.LocalCluster.Errors;

/// <summary>Makes the errors of the API, with the reasons and messages of the real API server.</summary>
internal static class ApiError
{
    public static ApiException NotFound(IKindNames kind, string name) =>
        Create(404, "NotFound", $"{kind.QualifiedPlural} \"{name}\" not found", kind, name, useKind: false);

    public static ApiException NamespaceNotFound(string name) =>
        new(404, Status(404, "NotFound", $"namespaces \"{name}\" not found", new JsonObject { ["name"] = name, ["kind"] = "namespaces" }));

    public static ApiException NoSuchPath() => new(404, Status(404, "NotFound", "the server could not find the requested resource", []));

    public static ApiException AlreadyExists(IKindNames kind, string name) =>
        Create(409, "AlreadyExists", $"{kind.QualifiedPlural} \"{name}\" already exists", kind, name, useKind: false);

    public static ApiException Modified(IKindNames kind, string name) =>
        Conflict(kind, name, "the object has been modified; please apply your changes to the latest version and try again");

    public static ApiException Conflict(IKindNames kind, string name, string because) =>
        Create(
            409,
            "Conflict",
            $"Operation cannot be fulfilled on {kind.QualifiedPlural} \"{name}\": {because}",
            kind,
            name,
            useKind: false
        );

    public static ApiException Forbidden(IKindNames kind, string name, string because, JsonArray? causes = null) =>
        Create(403, "Forbidden", $"{kind.QualifiedPlural} \"{name}\" is forbidden: {because}", kind, name, useKind: false, causes);

    public static ApiException BadRequest(string message) => new(400, Status(400, "BadRequest", message, []));

    public static ApiException Unauthorized() => new(401, Status(401, "Unauthorized", "Unauthorized", []));

    public static ApiException MethodNotAllowed() =>
        new(405, Status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", []));

    public static ApiException NotAcceptable(string accepted) =>
        new(406, Status(406, "NotAcceptable", $"only the following media types are accepted: {accepted}", []));

    public static ApiException TooLarge(long limit) =>
        new(413, Status(413, "RequestEntityTooLarge", $"Request entity too large: limit is {limit}", []));

    public static ApiException UnsupportedMediaType(string accepted) =>
        new(
            415,
            Status(
                415,
                "UnsupportedMediaType",
                $"the body of the request was in an unknown format - accepted media types include: {accepted}",
                []
            )
        );

    public static ApiException PatchDoesNotApply(string because) =>
        new(422, Status(422, "Invalid", $"the server rejected our request due to an error in our request: {because}", []));

    public static ApiException Expired(string message) => new(410, Status(410, "Expired", message, []));

    public static ApiException Internal(string message) =>
        new(
            500,
            Status(
                500,
                "InternalError",
                $"Internal error occurred: {message}",
                new JsonObject { ["causes"] = new JsonArray(new JsonObject { ["message"] = message }) }
            )
        );

    public static ApiException Invalid(IKindNames kind, string name, FieldErrors errors) =>
        Invalid(kind.QualifiedKind, kind.Group, kind.Kind, name, errors);

    public static ApiException Invalid(string qualifiedKind, string group, string kind, string name, FieldErrors errors)
    {
        var texts = errors.All.Select(e => $"{e.Field}: {e.Message}").ToArray();
        var message = $"{qualifiedKind} \"{name}\" is invalid: {(texts.Length == 1 ? texts[0] : $"[{string.Join(", ", texts)}]")}";
        var causes = new JsonArray();
        foreach (var error in errors.All)
            causes.Add(
                new JsonObject
                {
                    ["reason"] = error.Reason,
                    ["message"] = error.Message,
                    ["field"] = error.Field,
                }
            );
        var details = new JsonObject { ["name"] = name };
        if (group.Length > 0)
            details["group"] = group;
        details["kind"] = kind;
        details["causes"] = causes;
        return new ApiException(422, Status(422, "Invalid", message, details));
    }

    public static JsonObject Status(int code, string reason, string message, JsonObject details) =>
        new()
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Failure",
            ["message"] = message,
            ["reason"] = reason,
            ["details"] = details,
            ["code"] = code,
        };

    private static ApiException Create(
        int code,
        string reason,
        string message,
        IKindNames kind,
        string name,
        bool useKind,
        JsonArray? causes = null
    )
    {
        var details = new JsonObject { ["name"] = name };
        if (kind.Group.Length > 0)
            details["group"] = kind.Group;
        details["kind"] = useKind ? kind.Kind : kind.Plural;
        if (causes is not null)
            details["causes"] = causes;
        return new ApiException(code, Status(code, reason, message, details));
    }
}
