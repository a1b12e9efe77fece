using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Schemas;
using MeshOperator.LocalCluster.Tables;
using MeshOperator.LocalCluster.Validation;

namespace MeshOperator.LocalCluster.CustomResources;

/// <summary>Reads custom resource definitions: defaults, rules, and the kinds they make.</summary>
internal static class CustomResourceDefinitions
{
    /// <summary>Holds a definition until all its objects are gone.</summary>
    public const string CleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

    public static void Default(JsonObject content)
    {
        if (content.Object("spec") is not { } spec)
            return;
        spec.Default("conversion", new JsonObject { ["strategy"] = "None" });
        if (spec.Object("names") is not { } names)
            return;
        var kind = names.Text("kind") ?? "";
        names.Default("singular", kind.ToLowerInvariant());
        names.Default("listKind", kind + "List");
    }

    /// <summary>Served at once: conditions and finalizer are there from the start.</summary>
    public static void PrepareForCreate(JsonObject content)
    {
        var finalizers = content.Meta()["finalizers"] as JsonArray ?? [];
        if (finalizers.Parent is null)
            content.Meta()["finalizers"] = finalizers;
        if (!finalizers.Any(f => f.AsText() == CleanupFinalizer))
            finalizers.Add(CleanupFinalizer);
        var time = content.Object("metadata").Text("creationTimestamp");
        JsonObject Condition(string type, string reason, string message) =>
            new()
            {
                ["type"] = type,
                ["status"] = "True",
                ["lastTransitionTime"] = time,
                ["reason"] = reason,
                ["message"] = message,
            };
        content["status"] = new JsonObject
        {
            ["acceptedNames"] = content["spec"]?["names"]?.DeepClone(),
            ["conditions"] = new JsonArray(
                Condition("NamesAccepted", "NoConflicts", "no conflicts found"),
                Condition("Established", "InitialNamesAccepted", "the initial names have been accepted")
            ),
            ["storedVersions"] = new JsonArray([
                .. content["spec"]
                    .Objects("versions")
                    .Where(v => v.Flag("storage") == true)
                    .Select(v => (JsonNode?)JsonValue.Create(v.Text("name"))),
            ]),
        };
    }

    public static void Validate(JsonObject content, JsonObject? old, FieldErrors errors)
    {
        var spec = content.Object("spec");
        var names = spec.Object("names");
        var group = spec.Text("group") ?? "";
        var plural = names.Text("plural") ?? "";
        if (content.Name() != $"{plural}.{group}")
            errors.Invalid("metadata.name", content.Name(), "must be spec.names.plural+\".\"+spec.group");
        if (group.Length == 0)
            errors.Required("spec.group");
        else if (group.Split('.').Length < 2)
            errors.Invalid("spec.group", group, "should be a domain with at least one dot");
        if (spec.Text("scope") is not ("Namespaced" or "Cluster"))
            errors.NotSupported("spec.scope", spec.Text("scope") ?? "", ["\"Cluster\"", "\"Namespaced\""]);
        if (plural.Length == 0)
            errors.Required("spec.names.plural");
        if (string.IsNullOrEmpty(names.Text("kind")))
            errors.Required("spec.names.kind");
        var versions = spec.Objects("versions").ToArray();
        if (versions.Length == 0)
            errors.Required("spec.versions");
        if (versions.Count(v => v.Flag("storage") == true) != 1)
            errors.Invalid("spec.versions", spec?["versions"]?.DeepClone(), "must have exactly one version marked as storage version");
        if (old is not null)
            foreach (
                var (field, was, now) in new[]
                {
                    ("spec.group", old["spec"].Text("group"), group),
                    ("spec.names.plural", old["spec"].Object("names").Text("plural"), plural),
                    ("spec.scope", old["spec"].Text("scope"), spec.Text("scope")),
                    ("spec.names.kind", old["spec"].Object("names").Text("kind"), names.Text("kind")),
                }
            )
                if (was != now)
                    errors.Invalid(field, now, "field is immutable");
        for (var i = 0; i < versions.Length; i++)
            Version(versions[i], $"spec.versions[{i}]", errors);
    }

    /// <summary>The kinds that an accepted definition serves, one a version.</summary>
    public static IReadOnlyList<ResourceKind> Kinds(JsonObject content)
    {
        var spec = content.Object("spec");
        var names = spec.Object("names");
        var versions = spec.Objects("versions").ToArray();
        var storage = $"{spec.Text("group")}/{versions.FirstOrDefault(v => v.Flag("storage") == true).Text("name")}";
        return
        [
            .. versions
                .Where(v => v.Flag("served") == true)
                .Select(version =>
                {
                    var apiVersion = $"{spec.Text("group")}/{version.Text("name")}";
                    var subresources = version.Object("subresources");
                    var fields = version.Objects("selectableFields").Select(f => (f.Text("jsonPath") ?? "").TrimStart('.')).ToArray();
                    return new ResourceKind
                    {
                        Group = spec.Text("group")!,
                        Version = version.Text("name")!,
                        Kind = names.Text("kind")!,
                        ListKind = names.Text("listKind")!,
                        Plural = names.Text("plural")!,
                        Singular = names.Text("singular")!,
                        ShortNames = [.. names.Texts("shortNames")],
                        Categories = [.. names.Texts("categories")],
                        Namespaced = spec.Text("scope") == "Namespaced",
                        Schema = Schema(version, "", new FieldErrors()),
                        HasStatus = subresources?.ContainsKey("status") == true,
                        Scale = subresources.Object("scale") is { } scale ? Scale(scale) : null,
                        HasGeneration = true,
                        IsCustom = true,
                        SelectableFields = fields,
                        IndexedFields = fields,
                        Columns = CustomColumns.Read(version, "", new FieldErrors()),
                        FromStored = apiVersion == storage ? null : stored => Retyped(stored, apiVersion),
                        ToStored = apiVersion == storage ? null : given => Retyped(given, storage),
                    };
                }),
        ];
    }

    /// <summary>Whether a schema has CEL rules, which are not evaluated here.</summary>
    public static bool HasRules(JsonNode? node) =>
        node switch
        {
            JsonObject fields => fields.ContainsKey("x-kubernetes-validations") || fields.Any(field => HasRules(field.Value)),
            JsonArray items => items.Any(HasRules),
            _ => false,
        };

    private static void Version(JsonObject version, string path, FieldErrors errors)
    {
        Names.Check(version.Text("name") ?? "", NameFormat.ServiceLabel, $"{path}.name", errors);
        if (version.Object("schema").Object("openAPIV3Schema") is null)
        {
            errors.Required($"{path}.schema.openAPIV3Schema", "schemas are required");
            return;
        }

        Schema(version, path, errors);
        CustomColumns.Read(version, path, errors);
    }

    private static StructuralSchema Schema(JsonObject version, string path, FieldErrors errors)
    {
        var json = version.Object("schema").Object("openAPIV3Schema") ?? [];
        var at = $"{path}.schema.openAPIV3Schema";
        if (json.Text("type") is { } type && type != "object")
            errors.Invalid($"{at}.type", type, "must be object");
        var schema = CustomSchemas.Read(json, at, errors);
        schema.Type = SchemaType.Object;
        schema.Properties.TryAdd("apiVersion", new StructuralSchema { Type = SchemaType.String });
        schema.Properties.TryAdd("kind", new StructuralSchema { Type = SchemaType.String });
        schema.Properties["metadata"] = ModelSchemas.ForModel(typeof(k8s.Models.V1ObjectMeta));
        return schema;
    }

    private static ScalePaths Scale(JsonObject scale) =>
        new(
            (scale.Text("specReplicasPath") ?? "").TrimStart('.'),
            (scale.Text("statusReplicasPath") ?? "").TrimStart('.'),
            scale.Text("labelSelectorPath")?.TrimStart('.')
        );

    private static JsonObject Retyped(JsonObject content, string apiVersion)
    {
        content["apiVersion"] = apiVersion;
        return content;
    }
}
