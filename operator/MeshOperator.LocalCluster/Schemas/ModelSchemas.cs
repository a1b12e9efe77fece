using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json.Serialization;
using k8s.Models;

namespace MeshOperator.LocalCluster.Schemas;

/// <summary>Reads the schemas of the built-in kinds off KubernetesClient's model classes.</summary>
internal static class ModelSchemas
{
    private static readonly ConcurrentDictionary<Type, StructuralSchema> Known = new();
    private static readonly Lock Building = new();

    public static StructuralSchema ForModel(Type model)
    {
        if (Known.TryGetValue(model, out var known))
            return known;
        lock (Building)
        {
            var made = new Dictionary<Type, StructuralSchema>();
            var schema = Build(model, made);
            foreach (var (type, built) in made)
                Known.TryAdd(type, built);
            return Known.GetValueOrDefault(model, schema);
        }
    }

    /// <summary>The type's name in the Kubernetes API: V1PodSpec is PodSpec.</summary>
    public static string ApiName(Type model)
    {
        var name = model.Name;
        var version = name.LastIndexOf("V1", StringComparison.Ordinal) is var at && at == 0 ? 2 : 0;
        if (version > 0)
            return name[version..];
        foreach (
            var prefix in new[]
            {
                "Corev1",
                "Eventsv1",
                "Discoveryv1",
                "Rbacv1",
                "Authenticationv1",
                "Admissionregistrationv1",
                "Apiextensionsv1",
            }
        )
            if (name.StartsWith(prefix, StringComparison.Ordinal))
                return name[prefix.Length..];
        return name;
    }

    private static StructuralSchema Build(Type model, Dictionary<Type, StructuralSchema> made)
    {
        if (Known.TryGetValue(model, out var known) || made.TryGetValue(model, out known))
            return known;
        var name = ApiName(model);
        var schema = new StructuralSchema
        {
            Type = SchemaType.Object,
            AtomicMap = MergeKeys.AtomicTypes.Contains(name),
            Required = MergeKeys.Required.GetValueOrDefault(name, []),
            DefinitionName = DefinitionName(model, name),
        };
        made[model] = schema;
        foreach (var property in model.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.GetCustomAttribute<JsonPropertyNameAttribute>() is not { } attribute)
                continue;
            schema.Properties[attribute.Name] = Field(property.PropertyType, name, attribute.Name, made);

            // A port's key is complete without the protocol that most people leave out.
            if (attribute.Name == "protocol" && name is "ContainerPort" or "ServicePort")
                schema.Properties["protocol"].DefaultValue = "TCP";
        }

        return schema;
    }

    private static string DefinitionName(Type model, string name)
    {
        if (
            model == typeof(V1ObjectMeta)
            || model == typeof(V1LabelSelector)
            || model == typeof(V1OwnerReference)
            || model == typeof(V1ManagedFieldsEntry)
        )
            return $"io.k8s.apimachinery.pkg.apis.meta.v1.{name}";
        if (model.GetCustomAttribute<KubernetesEntityAttribute>() is { } entity && entity.Group.Length > 0)
            return $"io.k8s.api.{entity.Group.Split('.')[0]}.{entity.ApiVersion}.{name}";
        foreach (var group in new[] { "Events", "Discovery", "Rbac", "Authentication", "Admissionregistration", "Apiextensions" })
            if (model.Name.StartsWith(group + "v1", StringComparison.Ordinal))
                return $"io.k8s.api.{group.ToLowerInvariant()}.v1.{name}";
        return $"io.k8s.api.core.v1.{name}";
    }

    private static StructuralSchema Field(Type type, string owner, string field, Dictionary<Type, StructuralSchema> made)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IDictionary<,>))
        {
            var values = Field(type.GetGenericArguments()[1], owner, field + "[]", made);
            return new StructuralSchema
            {
                Type = SchemaType.Object,
                AdditionalProperties = values,
                AtomicMap = MergeKeys.AtomicMaps.Contains($"{owner}.{field}"),
            };
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IList<>))
            return List(type.GetGenericArguments()[0], owner, field, made);
        if (type == typeof(string))
            return new StructuralSchema { Type = SchemaType.String };
        if (type == typeof(int))
            return new StructuralSchema { Type = SchemaType.Integer, Format = "int32" };
        if (type == typeof(long))
            return new StructuralSchema { Type = SchemaType.Integer, Format = "int64" };
        if (type == typeof(double))
            return new StructuralSchema { Type = SchemaType.Number, Format = "double" };
        if (type == typeof(bool))
            return new StructuralSchema { Type = SchemaType.Boolean };
        if (type == typeof(byte[]))
            return new StructuralSchema { Type = SchemaType.String, Format = "byte" };
        if (type == typeof(DateTime))
            return new StructuralSchema { Type = SchemaType.String, Format = "date-time" };
        if (type == typeof(IntOrString))
            return new StructuralSchema { IntOrString = true };
        if (type == typeof(ResourceQuantity))
            return new StructuralSchema { IntOrString = true, IsQuantity = true };
        if (type == typeof(object))
            return StructuralSchema.Anything;
        if (!MergeKeys.RetainKeys.Contains($"{owner}.{field}"))
            return Build(type, made);

        // The retainKeys strategy belongs to the field and not to its type.
        var shared = Build(type, made);
        var own = new StructuralSchema
        {
            Type = SchemaType.Object,
            Required = shared.Required,
            PatchRetainKeys = true,
            DefinitionName = shared.DefinitionName,
        };
        foreach (var (key, value) in shared.Properties)
            own.Properties[key] = value;
        return own;
    }

    private static StructuralSchema List(Type item, string owner, string field, Dictionary<Type, StructuralSchema> made)
    {
        var path = $"{owner}.{field}";
        var schema = new StructuralSchema { Type = SchemaType.Array, Items = Field(item, owner, field + "[]", made) };
        if (MergeKeys.PatchOnlyLists.TryGetValue(path, out var patchKey))
        {
            schema.PatchMerge = true;
            schema.PatchMergeKey = patchKey;
        }
        else if (
            MergeKeys.MapLists.TryGetValue(path, out var keys)
            || (field == "conditions" && MergeKeys.MapLists.TryGetValue("*.conditions", out keys))
        )
        {
            schema.ListType = ListType.Map;
            schema.ListMapKeys = keys;
            schema.PatchMerge = !MergeKeys.ApplyOnlyLists.Contains(path);
            schema.PatchMergeKey = schema.PatchMerge ? keys[0] : null;
            schema.PatchRetainKeys = MergeKeys.RetainKeys.Contains(path);
        }
        else if (MergeKeys.SetLists.Contains(path))
        {
            schema.ListType = ListType.Set;
            schema.PatchMerge = MergeKeys.PatchMergeSets.Contains(path);
        }

        return schema;
    }
}
