using System.Collections.Frozen;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.Store;

/// <summary>
/// One version of an object as it was written: immutable bytes, and beside them the few fields that selectors and
/// controllers ask for all the time.
/// </summary>
internal sealed class StoredObject
{
    private static readonly FrozenDictionary<string, string> None = FrozenDictionary<string, string>.Empty;

    private StoredObject(byte[] json, JsonObject source, ResourceKind kind, long revision)
    {
        Json = json;
        Revision = revision;
        var metadata = source.Object("metadata");
        Name = metadata.Text("name") ?? "";
        Namespace = metadata.Text("namespace") ?? "";
        Uid = metadata.Text("uid") ?? "";
        IsDeleting = metadata?["deletionTimestamp"] is not null;
        HasFinalizers = metadata.Array("finalizers") is { Count: > 0 };
        Labels = metadata?["labels"] is JsonObject { Count: > 0 } labels ? labels.StringMap() : None;
        Selector = source["spec"].Object("selector") is { } selector && !selector.ContainsKey("matchLabels") ? selector.StringMap() : None;
        IsReady = source["status"].Objects("conditions").Any(c => c.Text("type") == "Ready" && c.Text("status") == "True");
        Owners = metadata.Array("ownerReferences") is { Count: > 0 } owners
            ? [.. owners.OfType<JsonObject>().Select(OwnerReference.FromJson)]
            : [];
        Fields =
            kind.IndexedFields.Count == 0
                ? None
                : kind.IndexedFields.ToDictionary(path => path, path => Shown(source.At(path)), StringComparer.Ordinal);
    }

    public string Name { get; }

    public string Namespace { get; }

    public string Uid { get; }

    public long Revision { get; }

    public bool IsDeleting { get; }

    public bool HasFinalizers { get; }

    /// <summary>Whether its condition Ready is True.</summary>
    public bool IsReady { get; }

    public IReadOnlyDictionary<string, string> Labels { get; }

    /// <summary>A Service's plain selector; empty for other kinds.</summary>
    public IReadOnlyDictionary<string, string> Selector { get; }

    public IReadOnlyList<OwnerReference> Owners { get; }

    /// <summary>The values of the kind's selectable fields.</summary>
    public IReadOnlyDictionary<string, string> Fields { get; }

    public byte[] Json { get; }

    public static StoredObject Create(JsonObject source, ResourceKind kind, long revision) =>
        new(JsonText.Encode(source), source, kind, revision);

    /// <summary>The UID of the object that controls this one; null if none does.</summary>
    public string? ControllerUid => Owners.FirstOrDefault(o => o.Controller)?.Uid;

    /// <summary>A tree of the caller's own, free to change.</summary>
    public JsonObject Parse() => JsonText.DecodeObject(Json);

    /// <summary>As the other, in the form of one of the versions that show this object.</summary>
    public JsonObject Parse(ResourceKind kind) => kind.FromStored is { } convert ? convert(Parse()) : Parse();

    private static string Shown(JsonNode? node) =>
        node switch
        {
            null => "",
            JsonValue value when value.TryGetValue<string>(out var text) => text,
            _ => JsonText.EncodeText(node),
        };
}

internal sealed record OwnerReference(string ApiVersion, string Kind, string Name, string Uid, bool Controller, bool BlockOwnerDeletion)
{
    public static OwnerReference FromJson(JsonObject json) =>
        new(
            json.Text("apiVersion") ?? "",
            json.Text("kind") ?? "",
            json.Text("name") ?? "",
            json.Text("uid") ?? "",
            json.Flag("controller") ?? false,
            json.Flag("blockOwnerDeletion") ?? false
        );
}
