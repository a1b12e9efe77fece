using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.FieldManagement;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.Registry;

/// <summary>What an update changes, compared with the object before it.</summary>
internal static class ObjectUpdate
{
    /// <summary>Whether an update changes nothing but versions and times.</summary>
    public static bool IsSame(JsonObject content, JsonObject old)
    {
        if (JsonAccess.Same(content, old))
            return true;
        var left = Bare(content);
        var right = Bare(old);
        if (!JsonAccess.Same(left, right))
            return false;
        var mine = ManagedFields.Read(content).Entries;
        var theirs = ManagedFields.Read(old).Entries;
        return mine.Count == theirs.Count
            && mine.Zip(theirs)
                .All(p =>
                    p.First with { Time = "", Fields = p.Second.Fields } == p.Second with { Time = "" }
                    && p.First.Fields.SameAs(p.Second.Fields)
                );
    }

    private static JsonObject Bare(JsonObject content)
    {
        var bare = content.Copy();
        bare.Meta().Remove("managedFields");
        bare.Meta().Remove("resourceVersion");
        return bare;
    }

    /// <summary>Metadata that only the API server writes stays as it was.</summary>
    public static void KeepMetadata(JsonObject content, JsonObject old)
    {
        var metadata = content.Meta();
        var before = old.Meta();
        foreach (
            var field in new[]
            {
                "name",
                "namespace",
                "uid",
                "creationTimestamp",
                "deletionTimestamp",
                "deletionGracePeriodSeconds",
                "generation",
                "selfLink",
                "resourceVersion",
                "generateName",
            }
        )
        {
            if (before[field] is { } value)
                metadata[field] = value.DeepClone();
            else
                metadata.Remove(field);
        }
    }

    /// <summary>The main resource leaves the status alone, and /status everything else.</summary>
    public static JsonObject Scope(ResourceKind kind, string subresource, JsonObject content, JsonObject old)
    {
        if (subresource.Length == 0)
        {
            if (!kind.HasStatus)
                return content;
            if (old["status"] is { } status)
                content["status"] = status.DeepClone();
            else
                content.Remove("status");
            return content;
        }

        var scoped = old.Copy();
        if (content["status"] is { } given)
            scoped["status"] = given.DeepClone();
        else
            scoped.Remove("status");
        if (content["metadata"]?["managedFields"] is { } managed)
            scoped.Meta()["managedFields"] = managed.DeepClone();
        return scoped;
    }

    /// <summary>Raises the generation when more than metadata and status changed.</summary>
    public static void Count(ResourceKind kind, JsonObject content, JsonObject old, string subresource)
    {
        if (!kind.HasGeneration || subresource.Length > 0)
            return;
        foreach (var (field, value) in content.Concat(old.Where(f => !content.ContainsKey(f.Key))).ToArray())
        {
            if (field is "metadata" or "apiVersion" or "kind" || (field == "status" && kind.HasStatus))
                continue;
            if (JsonAccess.Same(content[field], old[field]))
                continue;
            content.Meta()["generation"] = (old.Object("metadata").Integer("generation") ?? 1) + 1;
            return;
        }
    }
}
