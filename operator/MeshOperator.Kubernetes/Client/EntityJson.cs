using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using k8s;

namespace MeshOperator.Kubernetes.Client;

/// <summary>Says that the types of an assembly are written and read by generated code.</summary>
[AttributeUsage(AttributeTargets.Assembly)]
public abstract class GeneratedJsonAttribute : Attribute
{
    /// <summary>That code.</summary>
    public abstract IJsonTypeInfoResolver Resolver { get; }
}

/// <inheritdoc/>
/// <typeparam name="TContext">That code.</typeparam>
public sealed class GeneratedJsonAttribute<TContext> : GeneratedJsonAttribute
    where TContext : JsonSerializerContext, new()
{
    /// <inheritdoc/>
    public override IJsonTypeInfoResolver Resolver => new TContext();
}

/// <summary>Objects of the API and parts of them as JSON, as the client library writes and reads them. Types of an assembly with a
/// <see cref="GeneratedJsonAttribute{TContext}"/> are known without reflection, so that a program that is compiled beforehand has
/// all that it takes.</summary>
public static class EntityJson
{
    /// <summary>How they are written and read.</summary>
    public static JsonSerializerOptions Options { get; } = CreateOptions();

    /// <summary>Reads an object.</summary>
    /// <exception cref="JsonException">It does not match its type.</exception>
    public static T Deserialize<T>(Stream json) => KubernetesJson.Deserialize<T>(json, Options);

    /// <inheritdoc cref="Deserialize{T}(Stream)"/>
    public static T Deserialize<T>(string json) => KubernetesJson.Deserialize<T>(json, Options);

    /// <inheritdoc cref="Deserialize{T}(Stream)"/>
    public static T Deserialize<T>(JsonNode json) => KubernetesJson.Deserialize<T>(json, Options);

    /// <summary>Reads the objects of a list, which is an object; none when it has no items.</summary>
    /// <exception cref="JsonException">One does not match its type.</exception>
    public static IReadOnlyList<T> DeserializeItems<T>(JsonElement list) =>
        list.TryGetProperty("items", out var items) && items.ValueKind == JsonValueKind.Array
            ? [.. items.EnumerateArray().Select(item => KubernetesJson.Deserialize<T>(item, Options))]
            : [];

    /// <summary>Writes an object.</summary>
    public static string Serialize(object entity) => KubernetesJson.Serialize(entity, Options);

    /// <summary>Writes an object as a node that can be changed.</summary>
    public static JsonNode ToNode(object entity) => JsonNode.Parse(Serialize(entity))!;

    private static JsonSerializerOptions CreateOptions()
    {
        JsonSerializerOptions? copy = null;
        KubernetesJson.AddJsonOptions(options => copy = new JsonSerializerOptions(options));
        copy!.TypeInfoResolverChain.Insert(0, new AssemblyResolver());
        return copy;
    }

    private sealed class AssemblyResolver : IJsonTypeInfoResolver
    {
        private readonly ConcurrentDictionary<Assembly, IJsonTypeInfoResolver?> _resolvers = new();

        public JsonTypeInfo? GetTypeInfo(Type type, JsonSerializerOptions options) =>
            // A list or a number in an object is of the framework, and each assembly has code for those in its own.
            (type.Assembly == typeof(object).Assembly ? AppDomain.CurrentDomain.GetAssemblies() : [type.Assembly])
                .Select(assembly => Find(assembly)?.GetTypeInfo(type, options))
                .FirstOrDefault(info => info is not null);

        private IJsonTypeInfoResolver? Find(Assembly assembly) =>
            _resolvers.GetOrAdd(assembly, static a => a.GetCustomAttribute<GeneratedJsonAttribute>()?.Resolver);
    }
}
