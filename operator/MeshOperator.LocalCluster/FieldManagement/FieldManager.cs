using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.FieldManagement;

/// <summary>Keeps managedFields through writes, and merges what server-side apply sends.</summary>
internal static class FieldManager
{
    /// <summary>Notes on <paramref name="new"/> who wrote what it changes against <paramref name="old"/>.</summary>
    public static void TrackUpdate(JsonObject? old, JsonObject @new, ResourceKind kind, string manager, string subresource, string time)
    {
        var before = old ?? new JsonObject { ["metadata"] = new JsonObject() };
        var managed = ManagedFields.Read(@new["metadata"]?["managedFields"] is null && old is not null ? old : @new);
        var (changed, removed) = FieldPaths.Compare(before, @new, kind.Schema);
        var mine = new ManagedFields.Entry(manager, "Update", kind.ApiVersion, subresource, time, new FieldSet());
        var owned = managed.Find(manager, "Update", subresource)?.Fields ?? new FieldSet();
        managed.TakeFromOthers(mine, changed.Union(removed));
        managed.Set(mine, owned.Without(removed).Union(changed), time);
        managed.Write(@new);
    }

    /// <summary>Merges an applied configuration into the live object.</summary>
    /// <param name="live">The object as it is; null if there is none.</param>
    /// <param name="config">What the manager applies.</param>
    /// <param name="kind">The kind.</param>
    /// <param name="manager">The manager's name.</param>
    /// <param name="subresource">"status", or empty.</param>
    /// <param name="force">Whether to take fields from other managers.</param>
    /// <param name="time">The time of the entry.</param>
    /// <exception cref="ApiException">409 when other managers own what this one wants to change.</exception>
    public static JsonObject Apply(
        JsonObject? live,
        JsonObject config,
        ResourceKind kind,
        string manager,
        string subresource,
        bool force,
        string time
    )
    {
        var before = live ?? new JsonObject { ["metadata"] = new JsonObject() };
        var managed = ManagedFields.Read(before);
        var mine = managed.Find(manager, "Apply", subresource);
        var wanted = FieldPaths.Collect(config, kind.Schema);
        if (subresource.Length > 0)
            wanted = wanted.Only("f:" + subresource);
        else if (kind.HasStatus)
            wanted = wanted.Except("f:status");

        var merged = (JsonObject)ApplyMerge.Merge(before.Copy(), config, kind.Schema)!;
        var (changed, _) = FieldPaths.Compare(before, merged, kind.Schema);
        var conflicts = managed
            .Entries.Where(e => !ReferenceEquals(e, mine))
            .Select(e => (Entry: e, Fields: e.Fields.Intersect(changed).Intersect(wanted)))
            .Where(c => !c.Fields.IsEmpty)
            .ToArray();
        if (conflicts.Length > 0 && !force)
            throw Conflict(conflicts);
        foreach (var (_, fields) in conflicts)
            managed.TakeFromOthers(mine ?? Entry(kind, manager, subresource), fields);

        if (mine is not null)
        {
            var others = managed.OwnedByOthers(managed.Find(manager, "Apply", subresource));
            ApplyMerge.Remove(merged, mine.Fields.Without(wanted), others, kind.Schema);
        }

        var (_, removed) = FieldPaths.Compare(before, merged, kind.Schema);
        managed.TakeFromOthers(Entry(kind, manager, subresource), removed);
        managed.Set(Entry(kind, manager, subresource), wanted, time);
        managed.Write(merged);
        return merged;
    }

    private static ManagedFields.Entry Entry(ResourceKind kind, string manager, string subresource) =>
        new(manager, "Apply", kind.ApiVersion, subresource, "", new FieldSet());

    private static ApiException Conflict((ManagedFields.Entry Entry, FieldSet Fields)[] conflicts)
    {
        var causes = new JsonArray();
        var lines = new List<string>();
        var count = 0;
        foreach (var (entry, fields) in conflicts)
        {
            var subresource = entry.Subresource.Length > 0 ? $" with subresource \"{entry.Subresource}\"" : "";
            var version = entry.Operation == "Update" ? $" using {entry.ApiVersion}" : "";
            var owner = $"\"{entry.Manager}\"{subresource}{version}";
            var paths = fields.Paths().ToArray();
            count += paths.Length;
            lines.Add(
                paths.Length == 1
                    ? $"conflict with {owner}: {paths[0]}"
                    : $"conflicts with {owner}:\n{string.Join("\n", paths.Select(p => "- " + p))}"
            );
            foreach (var path in paths)
                causes.Add(
                    new JsonObject
                    {
                        ["reason"] = "FieldManagerConflict",
                        ["message"] = $"conflict with {owner}",
                        ["field"] = path,
                    }
                );
        }

        var message = $"Apply failed with {count} conflict{(count == 1 ? "" : "s")}: {string.Join("\n", lines)}";
        return new ApiException(409, ApiError.Status(409, "Conflict", message, new JsonObject { ["causes"] = causes }));
    }
}
