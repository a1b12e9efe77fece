using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.Tables;

internal enum IncludeObject
{
    Metadata,
    Object,
    None,
}

/// <summary>Renders objects as the meta.k8s.io/v1 Table that kubectl asks for.</summary>
internal sealed class TableRendering(ResourceKind kind, IncludeObject include, TimeProvider time)
{
    public JsonObject Table(IEnumerable<JsonObject> contents, JsonObject listMeta, bool withColumns = true)
    {
        var rows = new JsonArray();
        foreach (var content in contents)
            rows.Add(Row(content));
        var columns = new JsonArray();
        if (withColumns)
            foreach (var column in kind.Columns)
                columns.Add(column.Definition());
        return new JsonObject
        {
            ["kind"] = "Table",
            ["apiVersion"] = "meta.k8s.io/v1",
            ["metadata"] = listMeta,
            ["columnDefinitions"] = columns,
            ["rows"] = rows,
        };
    }

    public static JsonObject Metadata(JsonObject content) =>
        new()
        {
            ["kind"] = "PartialObjectMetadata",
            ["apiVersion"] = "meta.k8s.io/v1",
            ["metadata"] = content.Object("metadata")?.DeepClone(),
        };

    private JsonObject Row(JsonObject content)
    {
        var now = time.GetUtcNow();
        var cells = new JsonArray();
        foreach (var column in kind.Columns)
            cells.Add(column.Cell(content, now));
        var row = new JsonObject { ["cells"] = cells };
        if (include != IncludeObject.None)
            row["object"] = include == IncludeObject.Object ? content.Copy() : Metadata(content);
        return row;
    }
}
