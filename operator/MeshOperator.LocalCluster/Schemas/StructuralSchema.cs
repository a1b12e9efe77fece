using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace MeshOperator.LocalCluster.Schemas;

internal enum SchemaType
{
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

internal enum ListType
{
    Atomic,
    Set,
    Map,
}

/// <summary>
/// The shape of a value: what fields it has and how lists and maps merge. One form for both the built-in kinds (read off the
/// client's model classes) and custom resources (read off their definitions).
/// </summary>
internal sealed class StructuralSchema
{
    public static readonly StructuralSchema Anything = new() { PreserveUnknownFields = true };

    public SchemaType Type { get; set; }

    public string? Description { get; set; }

    public Dictionary<string, StructuralSchema> Properties { get; } = new(StringComparer.Ordinal);

    /// <summary>The schema of a map's values.</summary>
    public StructuralSchema? AdditionalProperties { get; set; }

    public StructuralSchema? Items { get; set; }

    public IReadOnlyList<string> Required { get; set; } = [];

    public JsonArray? Enum { get; set; }

    public Regex? Pattern { get; set; }

    public string? PatternText { get; set; }

    public string? Format { get; set; }

    public double? Minimum { get; set; }

    public double? Maximum { get; set; }

    public bool ExclusiveMinimum { get; set; }

    public bool ExclusiveMaximum { get; set; }

    public double? MultipleOf { get; set; }

    public long? MinLength { get; set; }

    public long? MaxLength { get; set; }

    public long? MinItems { get; set; }

    public long? MaxItems { get; set; }

    public long? MinProperties { get; set; }

    public long? MaxProperties { get; set; }

    public bool UniqueItems { get; set; }

    public JsonNode? DefaultValue { get; set; }

    public bool Nullable { get; set; }

    public bool PreserveUnknownFields { get; set; }

    public bool IntOrString { get; set; }

    /// <summary>The value is itself an object with apiVersion, kind and metadata.</summary>
    public bool EmbeddedResource { get; set; }

    public ListType ListType { get; set; }

    public IReadOnlyList<string> ListMapKeys { get; set; } = [];

    /// <summary>The map is owned and replaced as a whole by server-side apply.</summary>
    public bool AtomicMap { get; set; }

    /// <summary>The key by which a strategic merge patch matches the items of this list; null if it replaces the list.</summary>
    public string? PatchMergeKey { get; set; }

    public bool PatchMerge { get; set; }

    public bool PatchRetainKeys { get; set; }

    /// <summary>A timestamp, quantity or byte string: encoded as text.</summary>
    public bool IsQuantity { get; set; }

    public IReadOnlyList<StructuralSchema> AllOf { get; set; } = [];

    public IReadOnlyList<StructuralSchema> AnyOf { get; set; } = [];

    public IReadOnlyList<StructuralSchema> OneOf { get; set; } = [];

    public StructuralSchema? Not { get; set; }

    /// <summary>The name under which the OpenAPI documents define it; null when it is written in place.</summary>
    public string? DefinitionName { get; set; }

    /// <summary>For custom resources: the schema as it was written, for OpenAPI.</summary>
    public JsonObject? Source { get; set; }

    public StructuralSchema? Field(string name) => Properties.TryGetValue(name, out var property) ? property : AdditionalProperties;
}
