using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Schemas;

namespace MeshOperator.LocalCluster.Discovery;

/// <summary>Builds one OpenAPI document, version 2 or 3, of a few kinds.</summary>
internal sealed class OpenApiBuilder(bool version3)
{
    private static readonly string[] PatchTypes =
    [
        "application/apply-patch+yaml",
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
    ];

    private readonly JsonObject _definitions = [];

    public JsonObject Document(IEnumerable<ResourceKind> kinds)
    {
        var paths = new JsonObject();
        foreach (var kind in kinds)
        {
            var definition = FindDefinition(kind);
            foreach (var (path, item) in Paths(kind, definition))
                paths[path] = item;
        }

        var document = new JsonObject
        {
            [version3 ? "openapi" : "swagger"] = version3 ? "3.0.0" : "2.0",
            ["info"] = new JsonObject { ["title"] = "Kubernetes", ["version"] = "v1.32.4" },
            ["paths"] = paths,
        };
        if (version3)
            document["components"] = new JsonObject { ["schemas"] = _definitions };
        else
            document["definitions"] = _definitions;
        return document;
    }

    private string FindDefinition(ResourceKind kind)
    {
        var reversed = string.Join('.', kind.Group.Split('.').Reverse());
        var name = kind.IsCustom ? $"{reversed}.{kind.Version}.{kind.Kind}" : kind.Schema.DefinitionName!;
        if (!_definitions.ContainsKey(name))
        {
            _definitions[name] = new JsonObject();
            _definitions[name] = Write(kind.Schema, isDefinition: true);
        }

        var definition = (JsonObject)_definitions[name]!;
        definition["x-kubernetes-group-version-kind"] = new JsonArray(Gvk(kind));
        return name;
    }

    private static JsonObject Gvk(ResourceKind kind) =>
        new()
        {
            ["group"] = kind.Group,
            ["kind"] = kind.Kind,
            ["version"] = kind.Version,
        };

    private JsonObject Reference(string name) =>
        new JsonObject { ["$ref"] = $"#/{(version3 ? "components/schemas" : "definitions")}/{name}" };

    private JsonObject Write(StructuralSchema schema, bool isDefinition = false)
    {
        if (!isDefinition && schema.DefinitionName is { } name)
        {
            if (!_definitions.ContainsKey(name))
            {
                _definitions[name] = new JsonObject();
                _definitions[name] = Write(schema, isDefinition: true);
            }

            var reference = Reference(name);
            if (!schema.PatchRetainKeys)
                return reference;
            return version3
                ? new JsonObject { ["allOf"] = new JsonArray(reference), ["x-kubernetes-patch-strategy"] = "retainKeys" }
                : new JsonObject { ["$ref"] = reference["$ref"]!.DeepClone(), ["x-kubernetes-patch-strategy"] = "retainKeys" };
        }

        if (schema.Source is { } source)
            return Custom(source, schema, isDefinition);
        var json = new JsonObject();
        if (schema.Description is { } description)
            json["description"] = description;
        if (schema.IntOrString)
        {
            json["type"] = "string";
            if (!schema.IsQuantity)
                json["format"] = "int-or-string";
        }
        else if (schema.Type != SchemaType.Any)
        {
            json["type"] = schema.Type.ToString().ToLowerInvariant();
        }

        if (schema.Format is { } format)
            json["format"] = format;
        if (schema.Required.Count > 0)
            json["required"] = new JsonArray([.. schema.Required.Select(r => (JsonNode?)r)]);
        if (schema.Properties.Count > 0)
        {
            var properties = new JsonObject();
            foreach (var (field, property) in schema.Properties)
                properties[field] = Write(property);
            json["properties"] = properties;
        }

        if (schema.AdditionalProperties is { } values)
            json["additionalProperties"] = Write(values);
        if (schema.Items is { } items)
            json["items"] = Write(items);
        Merging(schema, json);
        return json;
    }

    private static void Merging(StructuralSchema schema, JsonObject json)
    {
        if (schema.Type == SchemaType.Array)
        {
            json["x-kubernetes-list-type"] = schema.ListType.ToString().ToLowerInvariant();
            if (schema.ListMapKeys.Count > 0)
                json["x-kubernetes-list-map-keys"] = new JsonArray([.. schema.ListMapKeys.Select(k => (JsonNode?)k)]);
            if (schema.PatchMergeKey is { } key)
                json["x-kubernetes-patch-merge-key"] = key;
            if (schema.PatchMerge)
                json["x-kubernetes-patch-strategy"] = schema.PatchRetainKeys ? "merge,retainKeys" : "merge";
        }

        if (schema.AtomicMap)
            json["x-kubernetes-map-type"] = "atomic";
    }

    private JsonObject Custom(JsonObject source, StructuralSchema schema, bool isDefinition)
    {
        var json = source.Copy();
        if (!isDefinition)
            return json;
        var properties = json.Ensure("properties");
        properties.Default("apiVersion", new JsonObject { ["type"] = "string" });
        properties.Default("kind", new JsonObject { ["type"] = "string" });
        properties["metadata"] = Write(schema.Properties["metadata"]);
        json["type"] = "object";
        if (!version3)
            Downgrade(json);
        return json;
    }

    /// <summary>Version 2 knows no nullable, oneOf, anyOf and not.</summary>
    private static void Downgrade(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject fields:
                foreach (var keyword in new[] { "nullable", "oneOf", "anyOf", "allOf", "not" })
                    if (
                        fields[keyword] is not null
                        && (keyword != "not" || fields[keyword] is JsonObject)
                        && fields["type"] is not JsonObject
                    )
                        fields.Remove(keyword);
                foreach (var (_, child) in fields)
                    Downgrade(child);
                break;
            case JsonArray items:
                foreach (var item in items)
                    Downgrade(item);
                break;
        }
    }

    private IEnumerable<(string Path, JsonObject Item)> Paths(ResourceKind kind, string definition)
    {
        var root = kind.Group.Length == 0 ? $"/api/{kind.Version}" : $"/apis/{kind.Group}/{kind.Version}";
        var collection = kind.Namespaced ? $"{root}/namespaces/{{namespace}}/{kind.Plural}" : $"{root}/{kind.Plural}";
        var item = new JsonObject { ["post"] = Operation(kind, definition, "post", "create") };
        if (!kind.CreateOnly)
        {
            item["get"] = Operation(kind, definition, "list", "list");
            var one = new JsonObject
            {
                ["get"] = Operation(kind, definition, "get", "read"),
                ["put"] = Operation(kind, definition, "put", "replace"),
                ["patch"] = Operation(kind, definition, "patch", "patch"),
                ["delete"] = Operation(kind, definition, "delete", "delete"),
            };
            yield return ($"{collection}/{{name}}", one);
        }

        yield return (collection, item);
    }

    private JsonObject Operation(ResourceKind kind, string definition, string action, string verb)
    {
        var operation = new JsonObject
        {
            ["operationId"] = $"{verb}{kind.Group.Replace(".", "", StringComparison.Ordinal)}{kind.Version}{kind.Kind}",
            ["x-kubernetes-action"] = action,
            ["x-kubernetes-group-version-kind"] = Gvk(kind),
        };
        var parameters = new JsonArray();
        if (action is "post" or "put" or "patch")
        {
            foreach (var name in new[] { "dryRun", "fieldManager", "fieldValidation" })
                parameters.Add(Parameter(name, "string"));
            if (action == "patch")
                parameters.Add(Parameter("force", "boolean"));
        }

        var schema = Reference(definition);
        if (version3)
        {
            JsonObject Content(IEnumerable<string> types) =>
                new([.. types.Select(t => KeyValuePair.Create<string, JsonNode?>(t, new JsonObject { ["schema"] = schema.DeepClone() }))]);
            if (action == "patch")
                operation["requestBody"] = new JsonObject
                {
                    ["content"] = Content(PatchTypes.Where(t => !kind.IsCustom || !t.Contains("strategic", StringComparison.Ordinal))),
                    ["required"] = true,
                };
            if (action is "post" or "put")
                operation["requestBody"] = new JsonObject { ["content"] = Content(["*/*"]), ["required"] = true };
            operation["responses"] = new JsonObject
            {
                ["200"] = new JsonObject { ["description"] = "OK", ["content"] = Content(["application/json"]) },
            };
        }
        else
        {
            operation["consumes"] = action == "patch" ? new JsonArray([.. PatchTypes.Select(t => (JsonNode?)t)]) : new JsonArray("*/*");
            operation["produces"] = new JsonArray("application/json");
            operation["responses"] = new JsonObject
            {
                ["200"] = new JsonObject { ["description"] = "OK", ["schema"] = schema },
            };
        }

        operation["parameters"] = parameters;
        return operation;
    }

    private JsonObject Parameter(string name, string type) =>
        version3
            ? new JsonObject
            {
                ["name"] = name,
                ["in"] = "query",
                ["schema"] = new JsonObject { ["type"] = type, ["uniqueItems"] = true },
            }
            : new JsonObject
            {
                ["name"] = name,
                ["in"] = "query",
                ["type"] = type,
                ["uniqueItems"] = true,
            };
}
