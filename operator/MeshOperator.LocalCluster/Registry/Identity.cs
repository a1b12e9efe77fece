using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.Registry;

/// <summary>That an object is of the kind, and in the namespace, of the request's path.</summary>
internal static class Identity
{
    public static void Check(ResourceKind kind, string @namespace, JsonObject content)
    {
        var apiVersion = content.Text("apiVersion");
        var given = content.Text("kind");
        if ((apiVersion is { Length: > 0 } && apiVersion != kind.ApiVersion) || (given is { Length: > 0 } && given != kind.Kind))
        {
            throw ApiError.BadRequest(
                apiVersion == kind.ApiVersion || string.IsNullOrEmpty(apiVersion)
                    ? $"{given} in version \"{kind.Version}\" cannot be handled as a {kind.Kind}: no kind \"{given}\" is registered "
                        + "for this resource"
                    : $"the API version in the data ({apiVersion}) does not match the expected API version ({kind.ApiVersion})"
            );
        }

        content.Remove("kind");
        content.Remove("apiVersion");
        content.Insert(0, "kind", kind.Kind);
        content.Insert(0, "apiVersion", kind.ApiVersion);
        if (content["metadata"] is not null and not JsonObject)
            throw ApiError.BadRequest("metadata must be an object");
        var metadata = content.Meta();
        if (!kind.Namespaced)
        {
            metadata.Remove("namespace");
            return;
        }

        if (metadata.Text("namespace") is { Length: > 0 } own && own != @namespace)
            throw ApiError.BadRequest($"the namespace of the provided object does not match the namespace sent on the request");
        metadata["namespace"] = @namespace;
    }

    /// <summary>Says that something of the request was not understood, as far as the client wants to hear it.</summary>
    public static void Report(string text, WriteRequest request)
    {
        if (request.FieldValidation == FieldValidation.Warn)
            request.Warn(text);
    }
}
