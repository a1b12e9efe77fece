using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace MeshOperator.Kubernetes.Client;

/// <summary>Writes objects of any kind, whose place it looks up in the server's discovery documents.</summary>
public sealed class DynamicClient(KubernetesTransport transport)
{
    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";
    private readonly Dictionary<(string ApiVersion, string Kind), (ResourceKind Kind, bool Namespaced)> _kinds = [];

    /// <summary>Creates an object, or changes it to what is given, as <c>kubectl apply</c> does the first time, so that that takes over
    /// later. Unknown fields are refused.</summary>
    /// <param name="entity">The object; without a namespace it goes to <c>default</c>.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The object as the server keeps it.</returns>
    /// <exception cref="KubernetesApiException">The server refused it, or does not know its kind.</exception>
    public async Task<JsonObject> ApplyAsync(JsonObject entity, CancellationToken cancellation)
    {
        var (apiVersion, kindName) = ((string)entity["apiVersion"]!, (string)entity["kind"]!);
        var (kind, namespaced) = await FindAsync(apiVersion, kindName, cancellation);
        var body = (JsonObject)entity.DeepClone();
        if (body["metadata"] is not JsonObject metadata || (string?)metadata["name"] is not { } name)
            throw new KubernetesApiException(HttpStatusCode.UnprocessableEntity, "Invalid", $"{kindName}: metadata.name is missing", null);
        string? ns = null;
        if (namespaced)
            metadata["namespace"] = ns = (string?)metadata["namespace"] ?? "default";
        if (metadata["annotations"] is not JsonObject annotations)
            metadata["annotations"] = annotations = [];
        annotations[LastApplied] = entity.ToJsonString() + "\n";

        const string query = "?fieldManager=kubectl-client-side-apply&fieldValidation=Strict";
        var json = Encoding.UTF8.GetBytes(body.ToJsonString());
        byte[] answer;
        try
        {
            answer = await transport.SendAsync(HttpMethod.Post, kind.Path(ns) + query, json, "application/json", cancellation);
        }
        catch (KubernetesApiException e) when (e.Reason == "AlreadyExists")
        {
            answer = await transport.SendAsync(
                HttpMethod.Patch,
                kind.Path(ns, name) + query,
                json,
                "application/merge-patch+json",
                cancellation
            );
        }

        return (JsonObject)JsonNode.Parse(answer)!;
    }

    private async Task<(ResourceKind Kind, bool Namespaced)> FindAsync(string apiVersion, string kind, CancellationToken cancellation)
    {
        if (_kinds.TryGetValue((apiVersion, kind), out var known))
            return known;
        var slash = apiVersion.IndexOf('/', StringComparison.Ordinal);
        var (group, version) = slash < 0 ? (string.Empty, apiVersion) : (apiVersion[..slash], apiVersion[(slash + 1)..]);
        var path =
            group.Length == 0
                ? $"api/{Uri.EscapeDataString(version)}"
                : $"apis/{Uri.EscapeDataString(group)}/{Uri.EscapeDataString(version)}";
        JsonNode? found;
        try
        {
            var list = JsonNode.Parse(await transport.SendAsync(HttpMethod.Get, path, null, "application/json", cancellation));
            found = ((JsonArray)list!["resources"]!).FirstOrDefault(r =>
                (string?)r!["kind"] == kind && ((string)r["name"]!).IndexOf('/', StringComparison.Ordinal) < 0
            );
        }
        catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            found = null;
        }

        if (found is null)
            throw new KubernetesApiException(HttpStatusCode.NotFound, "NotFound", $"the server has no kind {kind} in {apiVersion}", null);
        return _kinds[(apiVersion, kind)] = (new ResourceKind(group, version, kind, (string)found["name"]!), (bool)found["namespaced"]!);
    }
}
