using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Schemas;

namespace MeshOperator.LocalCluster.Registry;

/// <summary>What deletion does to an object that cannot go at once.</summary>
internal static class Deletion
{
    public static void Mark(ResourceKind kind, JsonObject content, DeleteOptions options, DateTimeOffset now, bool gracefulPods)
    {
        var metadata = content.Meta();
        var finalizer = options.Propagation switch
        {
            "Foreground" => "foregroundDeletion",
            "Orphan" => "orphan",
            _ => null,
        };
        var alreadyMarked = metadata["deletionTimestamp"] is not null;
        if (finalizer is not null && !metadata.Texts("finalizers").Contains(finalizer))
        {
            if (metadata["finalizers"] is not JsonArray finalizers)
                metadata["finalizers"] = finalizers = [];
            finalizers.Add(finalizer);
        }

        long grace = 0;
        if (kind is { Group: "", Plural: "pods" })
        {
            var running =
                gracefulPods
                && content["spec"].Text("nodeName") is { Length: > 0 }
                && content["status"].Text("phase") is not ("Succeeded" or "Failed");
            grace = running ? Math.Max(options.GracePeriodSeconds ?? content["spec"].Integer("terminationGracePeriodSeconds") ?? 30, 0) : 0;
            if (alreadyMarked)
                grace = Math.Min(grace, metadata.Integer("deletionGracePeriodSeconds") ?? grace);
        }

        if (!alreadyMarked)
        {
            metadata["deletionTimestamp"] = Rfc3339.Seconds(now.AddSeconds(grace));
            if (kind.HasGeneration && metadata.Integer("generation") is { } generation)
                metadata["generation"] = generation + 1;
        }

        metadata["deletionGracePeriodSeconds"] = grace;
        if (kind is { Group: "", Plural: "namespaces" })
            content.Ensure("status")["phase"] = "Terminating";
    }
}
