using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MeshOperator.Kubernetes.Crds;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Generation;

/// <summary><c>docs/reference/crds.md</c>: every field of every kind, from the schemas that the CRDs have.</summary>
internal static partial class CrdPage
{
    private static readonly string[] Fields = ["Field", "Type", "Default", "Description"];

    public static string Create(IEnumerable<Type> entities)
    {
        var page = new Markdown("Custom resources", "the schemas of the CRDs");
        page.Paragraph(
            "All kinds are in the API group `meshoperator.io/v1alpha1`. `kubectl explain KIND.spec` shows the same texts on a cluster."
        );
        page.Paragraph(
            "`[]` stands for the items of a list, `.*` for the values of a map. "
                + "A field marked *required* must be given when the object around it is."
        );
        foreach (var entity in entities)
            Add(page, (JsonObject)CustomResourceDefinition.ForEntity(entity)["spec"]!);
        return page.ToString();
    }

    private static void Add(Markdown page, JsonObject definition)
    {
        var names = (JsonObject)definition["names"]!;
        var version = (JsonObject)definition["versions"]![0]!;
        var schema = (JsonObject)version["schema"]!["openAPIV3Schema"]!;
        page.Heading(2, (string)names["kind"]!);
        page.Paragraph(Markdown.Prose((string?)schema["description"] ?? string.Empty));
        page.Table(
            ["Plural", "Short name", "Categories", "Scope"],
            [
                [Code(names["plural"]), Joined(names["shortNames"]), Joined(names["categories"]), (string)definition["scope"]!],
            ]
        );
        page.Heading(3, $"{(string)names["kind"]!}: spec").Table(Fields, Rows(schema, "spec"));
        var rules = Rules((JsonObject)schema["properties"]!["spec"]!, "spec").ToArray();
        if (rules.Length > 0)
            page.Paragraph("The API server also checks:").Line();
        foreach (var (path, message) in rules)
            page.Line($"- {Markdown.Code(path)}: {Markdown.Prose(message)}");
        page.Heading(3, $"{(string)names["kind"]!}: status").Table(Fields, Rows(schema, "status"));
        page.Heading(3, $"{(string)names["kind"]!}: columns of kubectl get")
            .Table(
                ["Column", "From", "Shown", "Description"],
                version["additionalPrinterColumns"]!
                    .AsArray()
                    .Select(column =>
                        (string[])
                            [
                                (string)column!["name"]!,
                                Code(column["jsonPath"]),
                                column["priority"] is null ? "always" : "`-o wide`",
                                Markdown.Prose((string?)column["description"] ?? string.Empty),
                            ]
                    )
            );
    }

    /// <summary>The fields below a property, depth first.</summary>
    private static IEnumerable<string[]> Rows(JsonObject schema, string name, string prefix = "")
    {
        if (schema["properties"]?[name] is not JsonObject property)
            yield break;
        var path = prefix + name;
        if (prefix.Length > 0)
        {
            var isRequired = schema["required"] is JsonArray required && required.Any(r => (string?)r == name);
            var type = Type(property) + (isRequired ? ", *required*" : string.Empty);
            var (description, @default) = Description(property);
            yield return [Markdown.Code(path), type, Markdown.Code(@default), description];
        }

        var (inner, suffix) = property switch
        {
            _ when property["items"] is JsonObject items => (items, "[]"),
            _ when property["additionalProperties"] is JsonObject values => (values, ".*"),
            _ => (property, string.Empty),
        };
        foreach (var (child, _) in inner["properties"]?.AsObject() ?? [])
        {
            foreach (var row in Rows(inner, child, $"{path}{suffix}."))
                yield return row;
        }
    }

    private static bool IsDuration(JsonObject schema) =>
        schema["x-kubernetes-validations"] is JsonArray rules
        && rules.Any(rule => ((string)rule!["message"]!).EndsWith(DurationAttribute.Message, StringComparison.Ordinal));

    private static IEnumerable<(string Path, string Message)> Rules(JsonObject schema, string path)
    {
        if (!IsDuration(schema))
        {
            foreach (var rule in schema["x-kubernetes-validations"]?.AsArray() ?? [])
                yield return (path, (string)rule!["message"]!);
        }

        foreach (var (name, property) in schema["properties"]?.AsObject() ?? [])
        {
            foreach (var rule in Rules((JsonObject)property!, $"{path}.{name}"))
                yield return rule;
        }

        if (schema["items"] is not JsonObject items)
            yield break;
        foreach (var rule in Rules(items, $"{path}[]"))
            yield return rule;
    }

    private static string Type(JsonObject schema)
    {
        if (schema["items"] is JsonObject items)
            return $"list of {Type(items)}{Bounds(schema, "minItems", "maxItems", " items")}";
        if (schema["additionalProperties"] is JsonObject values)
            return $"map of {Type(values)}";
        if (schema["enum"] is JsonArray choices)
            return string.Join(", ", choices.Select(Code));
        if ((string?)schema["format"] == "date-time")
            return "time";
        if (IsDuration(schema))
            return "duration";
        return (string?)schema["type"] switch
        {
            "string" => "string",
            "integer" or "number" => $"{(string)schema["type"]!}{Bounds(schema, "minimum", "maximum", string.Empty)}",
            "boolean" => "`true` or `false`",
            _ => "object",
        };
    }

    private static string Bounds(JsonObject schema, string least, string most, string unit) =>
        (schema[least], schema[most]) switch
        {
            ({ } a, { } b) => $", {a} to {b}{unit}",
            ({ } a, null) => $", {a} or more{unit}",
            (null, { } b) => $", at most {b}{unit}",
            _ => string.Empty,
        };

    /// <summary>The default has a column of its own. Below the spec's own fields only the description has it.</summary>
    private static (string Text, string Default) Description(JsonObject schema)
    {
        var text = (string?)schema["description"] ?? string.Empty;
        return DefaultAtEnd().Match(text) is { Success: true } end
            ? (Markdown.Prose(text[..end.Index]), end.Groups[1].Value)
            : (Markdown.Prose(text), schema["default"]?.ToString() ?? string.Empty);
    }

    [GeneratedRegex(@" Default: (\S+)\.$")]
    private static partial Regex DefaultAtEnd();

    private static string Joined(JsonNode? list) => string.Join(", ", (list as JsonArray ?? []).Select(Code));

    private static string Code(JsonNode? value) =>
        value switch
        {
            null => string.Empty,
            JsonValue => Markdown.Code(value.ToString()),
            _ => Markdown.Code(value.ToJsonString()),
        };
}
