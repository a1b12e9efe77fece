using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Schemas;

namespace MeshOperator.LocalCluster.Kinds;

/// <summary>One resource of the API at one version: everything the generic machinery must know about it.</summary>
internal sealed class ResourceKind : IKindNames
{
    public required string Group { get; init; }

    public required string Version { get; init; }

    public required string Kind { get; init; }

    public required string Plural { get; init; }

    public required string Singular { get; init; }

    public required bool Namespaced { get; init; }

    public required StructuralSchema Schema { get; init; }

    public IReadOnlyList<string> ShortNames { get; init; } = [];

    public IReadOnlyList<string> Categories { get; init; } = [];

    public string ListKind { get; init; } = "";

    /// <summary>Whether /status is a resource of its own, so that the main resource leaves the status alone.</summary>
    public bool HasStatus { get; init; }

    /// <summary>Where the scale subresource reads and writes; null without one.</summary>
    public ScalePaths? Scale { get; init; }

    public bool IsCustom { get; init; }

    /// <summary>Dotted paths usable in field selectors beside metadata.name and metadata.namespace.</summary>
    public IReadOnlyList<string> SelectableFields { get; init; } = [];

    /// <summary>The same as paths of the stored form.</summary>
    public IReadOnlyList<string> IndexedFields { get; init; } = [];

    public IReadOnlyList<TableColumn> Columns { get; init; } = [];

    public KindStrategy Strategy { get; init; } = KindStrategy.Plain;

    /// <summary>Only POST, nothing is stored (reviews).</summary>
    public bool CreateOnly { get; init; }

    /// <summary>Whether metadata.generation counts changes of the desired state.</summary>
    public bool HasGeneration { get; init; }

    /// <summary>Which collection of the store holds the objects: kinds that show the same objects share it.</summary>
    public string Collection { get; init; } = "";

    /// <summary>From the stored form to this version's; null if they are the same.</summary>
    public Func<JsonObject, JsonObject>? FromStored { get; init; }

    /// <summary>From this version's form to the stored one; null if they are the same.</summary>
    public Func<JsonObject, JsonObject>? ToStored { get; init; }

    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    public string QualifiedPlural => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    public string QualifiedKind => Group.Length == 0 ? Kind : $"{Kind}.{Group}";

    public string StoredAs => Collection.Length > 0 ? Collection : QualifiedPlural;

    /// <summary>Drops what the kind does not know; see <see cref="SchemaDecoding"/>.</summary>
    /// <returns>The paths that were dropped.</returns>
    /// <exception cref="ApiException">A field of a built-in kind has the wrong type.</exception>
    public IReadOnlyList<string> Decode(JsonObject content) => SchemaDecoding.Decode(content, Schema, this, isStrict: !IsCustom);

    public override string ToString() => $"{ApiVersion} {Kind}";
}

internal sealed record ScalePaths(string Replicas, string StatusReplicas, string? Selector);
