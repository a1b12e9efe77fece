using System.Text.Json.Nodes;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;

namespace MeshOperator.EndToEnd;

/// <summary>Policies and what the operator says of them.</summary>
internal static class Policies
{
    private static readonly TimeSpan ProgrammedWithin = TimeSpan.FromSeconds(60);

    /// <summary>Waits until a policy is accepted, and acknowledged by all proxies, in the form that was applied.</summary>
    public static async Task WaitUntilProgrammedAsync(TestMesh mesh, JsonObject policy)
    {
        var generation = (long?)policy["metadata"]!["generation"] ?? 0;
        if ((string?)policy["kind"] == "MeshCertificateAuthority")
            return;
        await Eventually.Succeeds(
            async () =>
            {
                var metadata = policy["metadata"]!;
                var now = await ReadAsync(mesh, (string)policy["kind"]!, (string)metadata["namespace"]!, (string)metadata["name"]!);
                foreach (var type in new[] { "Accepted", "Programmed" })
                {
                    var condition = (now["status"]?["conditions"] as JsonArray)?.FirstOrDefault(c => (string?)c!["type"] == type);
                    if ((string?)condition?["status"] != "True" || (long?)condition["observedGeneration"] < generation)
                        throw new TimeoutException(
                            $"{policy["kind"]} {policy["metadata"]!["name"]} is not {type}: {now["status"]?.ToJsonString()}"
                        );
                }
            },
            ProgrammedWithin
        );
    }

    /// <summary>Applies a policy as <c>kubectl apply --server-side</c> does: what is not named any more goes.</summary>
    public static async Task<JsonObject> ApplyAsync(TestMesh mesh, JsonObject policy)
    {
        var metadata = policy["metadata"]!;
        var path = Path((string)policy["kind"]!, (string?)metadata["namespace"] ?? string.Empty, (string)metadata["name"]!);
        var body = System.Text.Encoding.UTF8.GetBytes(policy.ToJsonString());
        const string query = "?fieldManager=end-to-end&force=true&fieldValidation=Strict";
        var transport = mesh.Cluster.Transport;
        return Read(
            await transport.SendAsync(HttpMethod.Patch, path + query, body, "application/apply-patch+yaml", CancellationToken.None)
        );
    }

    public static async Task<JsonObject> ReadAsync(TestMesh mesh, string kind, string ns, string name) =>
        Read(
            await mesh.Cluster.Transport.SendAsync(HttpMethod.Get, Path(kind, ns, name), null, "application/json", CancellationToken.None)
        );

    public static Task DeleteAsync(TestMesh mesh, string kind, string ns, string name) =>
        mesh.Cluster.Transport.SendAsync(HttpMethod.Delete, Path(kind, ns, name), null, "application/json", CancellationToken.None);

    /// <summary>Sets an annotation as <c>kubectl annotate --overwrite</c> does.</summary>
    public static Task AnnotateAsync(TestMesh mesh, string kind, string ns, string name, string annotation, string value)
    {
        var patch = new JsonObject { ["metadata"] = new JsonObject { ["annotations"] = new JsonObject { [annotation] = value } } };
        var body = System.Text.Encoding.UTF8.GetBytes(patch.ToJsonString());
        return mesh.Cluster.Transport.SendAsync(
            HttpMethod.Patch,
            Path(kind, ns, name),
            body,
            "application/merge-patch+json",
            CancellationToken.None
        );
    }

    private static JsonObject Read(byte[] answer) => (JsonObject)JsonNode.Parse(answer)!;

    private static string Path(string kind, string ns, string name) =>
        new ResourceKind(Api.MeshNames.Group, Api.MeshNames.Version, kind, Plural(kind)).Path(ns, name);

    private static string Plural(string kind)
    {
        var lower = kind.ToLower(System.Globalization.CultureInfo.InvariantCulture);
        return lower.EndsWith('y') ? lower[..^1] + "ies" : lower + "s";
    }
}
