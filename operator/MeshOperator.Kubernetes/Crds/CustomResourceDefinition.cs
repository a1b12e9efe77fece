using System.Reflection;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Kubernetes.Crds;

/// <summary>Makes the CustomResourceDefinition of an entity type from its attributes and docstrings.</summary>
public static class CustomResourceDefinition
{
    /// <summary>The definition as a JSON object in the order of fields in which people write it.</summary>
    /// <param name="entityType">A type that derives from <see cref="CustomKubernetesEntity{TSpec, TStatus}"/> and has
    /// <see cref="KubernetesEntityAttribute"/>.</param>
    /// <exception cref="NotSupportedException">A property has a type for which there is no schema.</exception>
    public static JsonObject ForEntity(Type entityType)
    {
        var entity =
            entityType.GetCustomAttribute<KubernetesEntityAttribute>()
            ?? throw new ArgumentException($"{entityType} lacks [KubernetesEntity].", nameof(entityType));
        var scope = entityType.GetCustomAttribute<EntityScopeAttribute>()?.Scope ?? EntityScope.Namespaced;
        var names = new JsonObject
        {
            ["kind"] = entity.Kind,
            ["listKind"] = entity.Kind + "List",
            ["plural"] = entity.PluralName,
#pragma warning disable CA1308 // Kubernetes' names are in lower case.
            ["singular"] = entity.Kind.ToLowerInvariant(),
#pragma warning restore CA1308
        };
        if (entityType.GetCustomAttribute<KubernetesEntityShortNamesAttribute>() is { } shortNames)
            names["shortNames"] = Strings(shortNames.ShortNames);
        if (entityType.GetCustomAttribute<KubernetesEntityCategoriesAttribute>() is { } categories)
            names["categories"] = Strings(categories.Categories);

        var metadata = new JsonObject { ["name"] = $"{entity.PluralName}.{entity.Group}" };
        if (entityType.GetCustomAttribute<DefinitionLabelAttribute>() is { } label)
            metadata["labels"] = new JsonObject { [label.Name] = label.Value };

        return new JsonObject
        {
            ["apiVersion"] = "apiextensions.k8s.io/v1",
            ["kind"] = "CustomResourceDefinition",
            ["metadata"] = metadata,
            ["spec"] = new JsonObject
            {
                ["group"] = entity.Group,
                ["names"] = names,
                ["scope"] = scope.ToString(),
                ["versions"] = new JsonArray(
                    new JsonObject
                    {
                        ["name"] = entity.ApiVersion,
                        ["served"] = true,
                        ["storage"] = true,
                        ["additionalPrinterColumns"] = new JsonArray([.. PrinterColumns(entityType)]),
                        ["subresources"] = new JsonObject { ["status"] = new JsonObject() },
                        ["schema"] = new JsonObject { ["openAPIV3Schema"] = Schema(entityType) },
                    }
                ),
            },
        };
    }

    private static JsonObject Schema(Type entityType)
    {
        var schema = new SchemaBuilder().Object(entityType);
        schema["required"] = new JsonArray("spec");
        return schema;
    }

    /// <summary>The columns of a kind: its own, and those that all kinds with the same status have.</summary>
    public static IEnumerable<AdditionalPrinterColumnAttribute> FindColumns(Type entityType) =>
        entityType
            .GetCustomAttributes<AdditionalPrinterColumnAttribute>()
            .Concat(entityType.GetProperty("Status")?.PropertyType.GetCustomAttributes<AdditionalPrinterColumnAttribute>() ?? [])
            .OrderBy(c => c.Order);

    private static IEnumerable<JsonNode> PrinterColumns(Type entityType)
    {
        foreach (var column in FindColumns(entityType))
        {
            var json = new JsonObject
            {
                ["name"] = column.Name,
                ["type"] = column.Type,
                ["jsonPath"] = column.JsonPath,
            };
            if (column.Description is not null)
                json["description"] = column.Description;
            if (column.Priority > 0)
                json["priority"] = column.Priority;
            yield return json;
        }
    }

    private static JsonArray Strings(IEnumerable<string> values) => new([.. values.Select(v => JsonValue.Create(v))]);
}
