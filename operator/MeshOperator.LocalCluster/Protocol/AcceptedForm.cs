using MeshOperator.LocalCluster.Errors;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace MeshOperator.LocalCluster.Protocol;

internal enum ObjectForm
{
    Full,
    Table,
    PartialMetadata,
}

/// <summary>What the client accepts: the encoding and the form of the objects.</summary>
internal sealed record AcceptedForm(ObjectForm Form, bool Yaml)
{
    private static readonly AcceptedForm Plain = new(ObjectForm.Full, false);

    /// <exception cref="ApiException">406: nothing that is accepted can be made.</exception>
    public static AcceptedForm FromRequest(HttpRequest request)
    {
        if (!MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var accepted) || accepted.Count == 0)
            return Plain;
        foreach (var type in accepted.OrderByDescending(t => t.Quality ?? 1))
        {
            var media = type.MediaType.Value ?? "";
            if (media is "*/*" or "application/*")
                return Plain;
            if (media is not ("application/json" or "application/yaml"))
                continue;
            var yaml = media == "application/yaml";
            switch (Parameter(type, "as"))
            {
                case null:
                    return new AcceptedForm(ObjectForm.Full, yaml);
                case "Table" when Parameter(type, "v") is "v1" or "v1beta1":
                    return new AcceptedForm(ObjectForm.Table, yaml);
                case "PartialObjectMetadata" or "PartialObjectMetadataList" when Parameter(type, "v") == "v1":
                    return new AcceptedForm(ObjectForm.PartialMetadata, yaml);
            }
        }

        throw ApiError.NotAcceptable("application/json, application/yaml");
    }

    private static string? Parameter(MediaTypeHeaderValue type, string name) =>
        type.Parameters.FirstOrDefault(p => p.Name.Equals(name, StringComparison.OrdinalIgnoreCase))?.Value.Value;
}
