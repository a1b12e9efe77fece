using System.Text.Json.Nodes;

namespace MeshOperator.Kubernetes.Manifests;

/// <summary>A document of a manifest.</summary>
/// <param name="Source">Its text, with the marker before it and the comments.</param>
/// <param name="Root">The object that it stands for; null for an empty document.</param>
/// <param name="Objects">The objects in it: a <c>List</c> stands for its items, which are parts of <paramref name="Root"/>.</param>
public sealed record ManifestDocument(string Source, JsonObject? Root, IReadOnlyList<JsonObject> Objects);

/// <summary>Reads manifests as people write them: one or more YAML (or JSON) documents.</summary>
public static class ManifestReader
{
    /// <summary>The objects of a text in their order; empty documents are left out.</summary>
    /// <exception cref="ManifestException">The text is not YAML, or a document is no Kubernetes object.</exception>
    public static IReadOnlyList<JsonObject> Read(string text) => [.. ReadDocuments(text).SelectMany(document => document.Objects)];

    /// <summary>The documents of a text in their order.</summary>
    /// <exception cref="ManifestException">The text is not YAML, or a document is no Kubernetes object.</exception>
    public static IReadOnlyList<ManifestDocument> ReadDocuments(string text) => [.. YamlReader.ReadAll(text).Select(ReadDocument)];

    private static ManifestDocument ReadDocument(YamlDocument document)
    {
        if (document.Root is null)
            return new ManifestDocument(document.Source, null, []);
        if (document.Root is not JsonObject root || root["kind"] is not JsonValue || root["apiVersion"] is not JsonValue)
            throw new ManifestException($"line {document.Line}: a document lacks apiVersion or kind");
        return new ManifestDocument(
            document.Source,
            root,
            IsList(root) && root["items"] is JsonArray items ? [.. items.OfType<JsonObject>()] : [root]
        );
    }

    private static bool IsList(JsonObject root) =>
        root["kind"] is JsonValue kind && kind.TryGetValue<string>(out var name) && name.EndsWith("List", StringComparison.Ordinal);
}

/// <summary>A manifest cannot be read.</summary>
public sealed class ManifestException : Exception
{
    /// <summary>Says where and why.</summary>
    public ManifestException(string message, Exception? inner = null)
        : base(message, inner) { }
}
