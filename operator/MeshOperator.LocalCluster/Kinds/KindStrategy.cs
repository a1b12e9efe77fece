using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;

namespace MeshOperator.LocalCluster.Kinds;

/// <summary>What is particular to a kind on its way into the store.</summary>
internal sealed class KindStrategy
{
    public static readonly KindStrategy Plain = new();

    /// <summary>Fills in what the user left out; runs on create and on every update, and must be idempotent.</summary>
    public Action<JsonObject>? Default { get; init; }

    /// <summary>Sets what a new object starts with, after its status was dropped.</summary>
    public Action<JsonObject>? PrepareForCreate { get; init; }

    /// <summary>Carries over what an update may not touch: (new, old).</summary>
    public Action<JsonObject, JsonObject>? PrepareForUpdate { get; init; }

    /// <summary>Reports what is wrong: (new, old or null on create, errors).</summary>
    public Action<JsonObject, JsonObject?, FieldErrors>? Validate { get; init; }

    /// <summary>How names are formed; the default is a DNS-1123 subdomain.</summary>
    public NameFormat Names { get; init; } = NameFormat.Subdomain;

    /// <summary>Whether a create drops the status given by the client.</summary>
    public bool DropStatusOnCreate { get; init; } = true;
}

internal enum NameFormat
{
    Subdomain,
    Label,
    ServiceLabel,
    PathSegment,
}
