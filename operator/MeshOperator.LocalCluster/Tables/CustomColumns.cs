using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.Tables;

/// <summary>The columns of a custom resource: its name and its definition's additionalPrinterColumns.</summary>
internal static class CustomColumns
{
    private static readonly TableColumn Name = new("Name", "string", (content, _) => content.Name())
    {
        Format = "name",
        Description = "Name of the object, unique in its namespace.",
    };

    public static IReadOnlyList<TableColumn> Read(JsonObject version, string path, FieldErrors errors)
    {
        var columns = new List<TableColumn> { Name };
        var given = version.Objects("additionalPrinterColumns").ToArray();
        for (var i = 0; i < given.Length; i++)
        {
            var field = $"{path}.additionalPrinterColumns[{i}]";
            foreach (var required in new[] { "name", "type", "jsonPath" })
                if (string.IsNullOrEmpty(given[i].Text(required)))
                    errors.Required($"{field}.{required}");
            if (given[i].Text("type") is { } type && type is not ("integer" or "number" or "string" or "boolean" or "date"))
                errors.NotSupported($"{field}.type", type, ["\"boolean\"", "\"date\"", "\"integer\"", "\"number\"", "\"string\""]);
            try
            {
                columns.Add(Column(given[i]));
            }
            catch (FormatException e)
            {
                errors.Invalid($"{field}.jsonPath", given[i]["jsonPath"], e.Message);
            }
        }

        if (given.Length == 0)
            columns.Add(BuiltinColumns.Age);
        return columns;
    }

    private static TableColumn Column(JsonObject json)
    {
        var type = json.Text("type") ?? "string";
        var path = JsonPath.Parse(json.Text("jsonPath") ?? "");
        return new TableColumn(
            json.Text("name") ?? "",
            type,
            (content, now) => Cell(path, type, content, now),
            (int)(json.Integer("priority") ?? 0)
        )
        {
            Format = json.Text("format") ?? "",
            Description = json.Text("description") ?? "",
        };
    }

    private static JsonNode? Cell(JsonPath path, string type, JsonObject content, DateTimeOffset now)
    {
        if (path.Find(content).FirstOrDefault() is not { } value)
            return null;
        return type switch
        {
            "string" => JsonPath.Text(value),
            "date" => value.AsText() is { } time ? Age.Since(time, now) : "<invalid>",
            "integer" => value.AsInteger() is { } integer ? integer : null,
            "number" => value.AsNumber() is { } number ? number : null,
            "boolean" => value.AsFlag() is { } flag ? flag : null,
            _ => null,
        };
    }
}
