using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>Makes pods out of the templates of workloads.</summary>
internal static class PodTemplates
{
    private const string HashAlphabet = "bcdfghjklmnpqrstvwxz2456789";

    public static JsonObject OwnedBy(JsonObject owner) =>
        new()
        {
            ["apiVersion"] = owner.Text("apiVersion"),
            ["kind"] = owner.Text("kind"),
            ["name"] = owner.Name(),
            ["uid"] = owner.Uid(),
            ["controller"] = true,
            ["blockOwnerDeletion"] = true,
        };

    /// <summary>A short stable name for a template; the order of its fields does not matter.</summary>
    public static string Hash(JsonNode? template)
    {
        var value = BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(JsonText.Encode(Sorted(template))));
        var name = new char[10];
        for (var i = 0; i < name.Length; i++)
        {
            name[i] = HashAlphabet[(int)(value % (ulong)HashAlphabet.Length)];
            value /= (ulong)HashAlphabet.Length;
        }

        return new string(name);
    }

    /// <summary>Creates a pod; when it is refused, says so in an event on the owner.</summary>
    /// <exception cref="ApiException">The pod was refused.</exception>
    public static async Task CreatePodAsync(
        Cluster cluster,
        JsonObject owner,
        string? name,
        string controller,
        Action<JsonObject>? adjust = null
    )
    {
        var template = owner.At("spec.template") as JsonObject ?? [];
        var metadata = new JsonObject { ["ownerReferences"] = new JsonArray(OwnedBy(owner)) };
        if (name is null)
            metadata["generateName"] = owner.Name() + "-";
        else
            metadata["name"] = name;
        foreach (var field in new[] { "labels", "annotations" })
            if (template.Object("metadata").Object(field) is { } map)
                metadata[field] = map.DeepClone();
        var pod = new JsonObject { ["metadata"] = metadata, ["spec"] = template["spec"]?.DeepClone() };
        adjust?.Invoke(pod);
        try
        {
            var created = await cluster.Writer.CreateAsync(cluster.Kind("", "pods"), owner.Namespace(), pod, Cluster.As(controller));
            await cluster.Events.RecordAsync(owner, "Normal", "SuccessfulCreate", $"Created pod: {created.Name()}", controller);
        }
        catch (ApiException e)
            when (e.Reason is not ("AlreadyExists" or "NotFound") && !e.Message.Contains("being terminated", StringComparison.Ordinal))
        {
            await cluster.Events.RecordAsync(owner, "Warning", "FailedCreate", $"Error creating: {e.Message}", controller);
            throw;
        }
    }

    public static async Task DeletePodAsync(Cluster cluster, JsonObject owner, StoredObject pod, string controller)
    {
        try
        {
            await cluster.Writer.DeleteAsync(
                cluster.Kind("", "pods"),
                pod.Namespace,
                pod.Name,
                DeleteOptions.Default with
                {
                    Uid = pod.Uid,
                },
                Cluster.As(controller)
            );
            await cluster.Events.RecordAsync(owner, "Normal", "SuccessfulDelete", $"Deleted pod: {pod.Name}", controller);
        }
        catch (ApiException e) when (e.Code is 404 or 409)
        {
            // It went, or is another one by now.
        }
    }

    /// <summary>The living pods that a workload controls.</summary>
    public static List<StoredObject> Pods(Cluster cluster, StoredObject owner) =>
        [
            .. cluster
                .OwnedPods.FindByController(owner.Uid)
                .Where(p => !p.IsDeleting && p.Fields.GetValueOrDefault("status.phase") is not ("Failed" or "Succeeded")),
        ];

    /// <summary>Writes a status if it differs.</summary>
    public static Task<JsonObject> SetStatusAsync(
        Cluster cluster,
        ResourceKind kind,
        StoredObject stored,
        JsonObject status,
        string controller
    ) =>
        cluster.Writer.UpdateAsync(
            kind,
            stored.Namespace,
            stored.Name,
            "status",
            content =>
            {
                content["status"] = status.DeepClone();
                return content;
            },
            Cluster.As(controller)
        );

    /// <summary>A condition that keeps its transition time while its status stays.</summary>
    public static JsonObject Condition(JsonNode? status, string type, bool value, string reason, string message, string now)
    {
        var text = value ? "True" : "False";
        var old = status.Objects("conditions").FirstOrDefault(c => c.Text("type") == type);
        var same = old.Text("status") == text && old.Text("reason") == reason && old.Text("message") == message;
        return new JsonObject
        {
            ["type"] = type,
            ["status"] = text,
            ["lastUpdateTime"] = same ? old.Text("lastUpdateTime") ?? now : now,
            ["lastTransitionTime"] = old.Text("status") == text ? old.Text("lastTransitionTime") ?? now : now,
            ["reason"] = reason,
            ["message"] = message,
        };
    }

    public static JsonNode? Sorted(JsonNode? node) =>
        node switch
        {
            JsonObject fields => new JsonObject(
                fields.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => KeyValuePair.Create(f.Key, Sorted(f.Value)))
            ),
            JsonArray items => new JsonArray([.. items.Select(Sorted)]),
            _ => node?.DeepClone(),
        };
}
