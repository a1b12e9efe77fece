using System.Text.Json.Nodes;

namespace MeshOperator.LocalCluster.Kinds;

/// <summary>A column of the tables that kubectl prints.</summary>
/// <param name="Name">The heading.</param>
/// <param name="Type">OpenAPI type of the cells.</param>
/// <param name="Cell">The value for an object at a time.</param>
/// <param name="Priority">Above 0 it is shown with `-o wide` only.</param>
internal sealed record TableColumn(string Name, string Type, Func<JsonObject, DateTimeOffset, JsonNode?> Cell, int Priority = 0)
{
    public string Format { get; init; } = "";

    public string Description { get; init; } = "";

    public JsonObject Definition() =>
        new()
        {
            ["name"] = Name,
            ["type"] = Type,
            ["format"] = Format,
            ["description"] = Description,
            ["priority"] = Priority,
        };
}
