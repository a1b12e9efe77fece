using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;
using Envoy.Extensions.TransportSockets.Tls.V3;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Xds.Rendering;

/// <summary>Shows a configuration as people read it: protobuf's JSON mapping with Envoy's own field names, the name of a thing before
/// its content, and what is packed into an <c>Any</c> written out. Secrets are no part of a configuration, so no key can show.</summary>
internal static class ConfigurationJson
{
    private static readonly string[] First = ["@type", "name"];

    private static readonly TypeRegistry Types = TypeRegistry.FromFiles(OwnFiles());

    private static readonly JsonFormatter Formatter = new(
        new JsonFormatter.Settings(formatDefaultValues: false, Types).WithPreserveProtoFieldNames(true)
    );

    /// <summary>The resources of a type that all proxies are sent, ordered by name.</summary>
    public static JsonArray Shared(EnvoyConfiguration configuration, ResourceType type)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return Render(configuration.Shared[(int)type]);
    }

    /// <summary>The resources of a type that clients are sent that are gRPC libraries, ordered by name.</summary>
    public static JsonArray Proxyless(EnvoyConfiguration configuration, ResourceType type)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return Render(configuration.Proxyless.Value.Shared[(int)type]);
    }

    /// <summary>The resources of a type that are for one workload's proxy only, ordered by name. Empty
    /// for a workload that is not of the mesh.</summary>
    public static JsonArray Own(EnvoyConfiguration configuration, WorkloadName workload, ResourceType type)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        if (!configuration.Nodes.TryGetValue(workload, out var node))
            return [];
        return Render(type is ResourceType.Endpoints ? node.Members : node.Own[type]);
    }

    /// <summary>Who may open connections of bytes to one workload, by the names of the secrets that say so to its proxy: the conditions on
    /// identities without the roots. Empty for a workload that is not of the mesh.</summary>
    public static JsonArray Callers(EnvoyConfiguration configuration, WorkloadName workload)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        if (!configuration.Nodes.TryGetValue(workload, out var node))
            return [];
        return [.. node.Own.Callers.Select(callers => Render(new Secret { Name = callers.Name, ValidationContext = callers.Identities }))];
    }

    /// <summary>The resources of a type that one workload's proxy is sent of what is shared, ordered by name. Empty for a workload that is
    /// not of the mesh.</summary>
    public static JsonArray Sent(EnvoyConfiguration configuration, WorkloadName workload, ResourceType type)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return configuration.Nodes.TryGetValue(workload, out var node) ? Render(configuration.FindShared(node)[(int)type]) : [];
    }

    private static JsonArray Render(ResourceSet resources)
    {
        var rendered = new JsonArray();
        foreach (var resource in resources.Items)
            rendered.Add(Render(resource));
        return rendered;
    }

    private static JsonNode? Render(XdsResource resource)
    {
        var any = Any.Parser.ParseFrom(resource.Any.Span);
        var message = Types.Find(Any.GetTypeName(any.TypeUrl)).Parser.ParseFrom(any.Value);
        return Render(message);
    }

    private static JsonNode? Render(IMessage message)
    {
        using var json = JsonDocument.Parse(Formatter.Format(message));
        return Ordered(json.RootElement);
    }

    /// <summary>Protobuf's order is that of the field numbers, in which many messages have their name somewhere in the middle.</summary>
    private static JsonNode? Ordered(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var properties = element
                    .EnumerateObject()
                    .OrderBy(p => Array.IndexOf(First, p.Name) is >= 0 and var rank ? rank : First.Length);
                return new JsonObject(properties.Select(p => KeyValuePair.Create(p.Name, Ordered(p.Value))));
            case JsonValueKind.Array:
                return new JsonArray([.. element.EnumerateArray().Select(Ordered)]);
            case JsonValueKind.Null:
                return null;
            default:
                return JsonValue.Create(element.Clone());
        }
    }

    /// <summary>All files of messages that this assembly has, so that none is forgotten when another is used inside an
    /// <c>Any</c>.</summary>
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "A trimmed program keeps this assembly whole.")]
    [UnconditionalSuppressMessage("Trimming", "IL2067", Justification = "A trimmed program keeps this assembly whole.")]
    private static IEnumerable<FileDescriptor> OwnFiles() =>
        typeof(ConfigurationJson)
            .Assembly.GetTypes()
            .Where(type => type.IsAssignableTo(typeof(IMessage)) && !type.IsAbstract)
            .Select(type => ((IMessage)Activator.CreateInstance(type)!).Descriptor.File)
            .Distinct();
}
