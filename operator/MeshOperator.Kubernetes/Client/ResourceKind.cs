using System.Collections.Concurrent;
using System.Reflection;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Kubernetes.Client;

/// <summary>Where objects of a kind are found in the API.</summary>
/// <param name="Group">The API group; empty for core.</param>
/// <param name="Version">For example <c>v1</c>.</param>
/// <param name="Kind">For example <c>Pod</c>.</param>
/// <param name="Plural">For example <c>pods</c>.</param>
public sealed record ResourceKind(string Group, string Version, string Kind, string Plural)
{
    private static readonly ConcurrentDictionary<Type, ResourceKind> Known = new();

    /// <summary><c>version</c> for core, else <c>group/version</c>.</summary>
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>The kind of an entity type.</summary>
    /// <exception cref="ArgumentException">The type has no <see cref="KubernetesEntityAttribute"/>.</exception>
    public static ResourceKind ForEntity<T>() =>
        Known.GetOrAdd(
            typeof(T),
            static type =>
                type.GetCustomAttribute<KubernetesEntityAttribute>() is { } entity
                    ? new ResourceKind(entity.Group ?? string.Empty, entity.ApiVersion, entity.Kind, FindPlural(entity))
                    : throw new ArgumentException($"{type} lacks [KubernetesEntity].")
        );

    /// <summary>KubernetesClient leaves the name out for kinds that are only asked and not stored, such as TokenReview.</summary>
#pragma warning disable CA1308 // Resource names are in lower case.
    private static string FindPlural(KubernetesEntityAttribute entity) =>
        string.IsNullOrEmpty(entity.PluralName) ? entity.Kind.ToLowerInvariant() + "s" : entity.PluralName;
#pragma warning restore CA1308

    /// <summary>The path of the collection (all namespaces when <paramref name="ns"/> is null) or of one object.</summary>
    public string Path(string? ns = null, string? name = null, string? subresource = null)
    {
        var path = Group.Length == 0 ? $"api/{Version}" : $"apis/{Group}/{Version}";
        if (!string.IsNullOrEmpty(ns))
            path += $"/namespaces/{Uri.EscapeDataString(ns)}";
        path += $"/{Plural}";
        if (name is not null)
            path += $"/{Uri.EscapeDataString(name)}";
        return subresource is null ? path : $"{path}/{subresource}";
    }
}

/// <summary>Names an object of a known kind. The namespace of a cluster-scoped object is empty.</summary>
public readonly record struct ObjectKey(string Namespace, string Name)
{
    /// <summary>The key of an object.</summary>
    public static ObjectKey From(IMetadata<V1ObjectMeta> entity) =>
        new(entity.Metadata.NamespaceProperty ?? string.Empty, entity.Metadata.Name);

    /// <inheritdoc/>
    public override string ToString() => Namespace.Length == 0 ? Name : $"{Namespace}/{Name}";
}
