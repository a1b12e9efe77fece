using System.Collections;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Xds.Resources;
using Enum = System.Enum;

namespace MeshOperator.Proxy.Resources;

/// <summary>A resource of which every field is understood.</summary>
/// <param name="Type">Its type.</param>
/// <param name="Name">Its name.</param>
/// <param name="Version">Its version.</param>
/// <param name="Message">Its content.</param>
/// <param name="References">What it names.</param>
internal sealed record ReadResource(
    ResourceType Type,
    string Name,
    string Version,
    IMessage Message,
    IReadOnlySet<(ResourceType Type, string Name)> References
);

/// <summary>A resource, or a part of one, that the proxy does not take.</summary>
internal sealed class UnsupportedResourceException(string message) : Exception(message);

/// <summary>Reads resources, and looks at every field that is set: one that <see cref="SupportTable"/> does not name is an error.</summary>
internal static class ResourceReader
{
    private const string TypePrefix = "type.googleapis.com/";
    private const string WellKnown = "google.protobuf.";

    /// <summary>Reads a resource.</summary>
    /// <exception cref="UnsupportedResourceException">It has something that the proxy does not support; the text names it.</exception>
    public static ReadResource Read(ResourceType type, string name, string version, Any content)
    {
        var references = new ResourceReferences();
        var message = Unpack(content, $"{type.ShortName()}", references);
        return new ReadResource(type, name, version, message, references.Names);
    }

    /// <summary>The message in an Any that was read before.</summary>
    public static IMessage Unpack(Any content) =>
        SupportTable.FindParser(content.TypeUrl[(content.TypeUrl.LastIndexOf('/') + 1)..])?.ParseFrom(content.Value)
        ?? throw new UnsupportedResourceException($"the built-in proxy does not support {content.TypeUrl}");

    private static IMessage Unpack(Any content, string path, ResourceReferences references)
    {
        var name = content.TypeUrl.StartsWith(TypePrefix, StringComparison.Ordinal)
            ? content.TypeUrl[TypePrefix.Length..]
            : content.TypeUrl;
        if (SupportTable.FindParser(name) is not { } parser)
            throw new UnsupportedResourceException($"the built-in proxy does not support {name} ({path})");
        var message = parser.ParseFrom(content.Value);
        if (message.CalculateSize() != SupportTable.Messages[name].Descriptor.Parser.ParseFrom(content.Value).CalculateSize())
            throw new UnsupportedResourceException($"the built-in proxy does not know all fields of this {name} ({path})");
        Check(message, path, references);
        return message;
    }

    private static void Check(IMessage message, string path, ResourceReferences references)
    {
        if (!SupportTable.Messages.TryGetValue(message.Descriptor.FullName, out var support))
            throw new UnsupportedResourceException($"the built-in proxy does not support {message.Descriptor.FullName} ({path})");
        references.Note(message);
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            if (!IsSet(message, field))
                continue;
            var at = $"{path}.{field.Name}";
            if (!support.Fields.TryGetValue(field.Name, out var supported))
                throw new UnsupportedResourceException(
                    $"the built-in proxy does not support {message.Descriptor.FullName}.{field.Name} ({at})"
                );
            if (supported.Reason is not null)
                continue;
            foreach (var (value, place) in Values(message, field, at))
            {
                if (supported.Values is { } values && Text(value, field) is var text && !values.Contains(text))
                    throw new UnsupportedResourceException(
                        $"the built-in proxy does not support {message.Descriptor.FullName}.{field.Name} {text} ({place}); "
                            + $"it supports {string.Join(", ", values)}"
                    );
                if (value is Any any)
                {
                    // An empty one says nothing but that it is there.
                    if (any.TypeUrl.Length > 0)
                        Unpack(any, place, references);
                }
                else if (value is IMessage inner && !inner.Descriptor.FullName.StartsWith(WellKnown, StringComparison.Ordinal))
                {
                    Check(inner, place, references);
                }
            }
        }
    }

    private static IEnumerable<(object Value, string Path)> Values(IMessage message, FieldDescriptor field, string path)
    {
        switch (field.Accessor.GetValue(message))
        {
            case IDictionary map:
                foreach (DictionaryEntry entry in map)
                    yield return (entry.Value!, $"{path}[{entry.Key}]");
                break;
            case IList list when field.IsRepeated:
                for (var i = 0; i < list.Count; i++)
                    yield return (list[i]!, $"{path}[{i}]");
                break;
            case { } value:
                yield return (value, path);
                break;
        }
    }

    private static bool IsSet(IMessage message, FieldDescriptor field) =>
        field.IsRepeated ? field.Accessor.GetValue(message) is ICollection { Count: > 0 }
        : field.HasPresence ? field.Accessor.HasValue(message)
        : !IsDefault(field.Accessor.GetValue(message));

    private static bool IsDefault(object? value) =>
        value switch
        {
            null => true,
            string text => text.Length == 0,
            ByteString bytes => bytes.Length == 0,
            bool flag => !flag,
            Enum number => Convert.ToInt32(number, System.Globalization.CultureInfo.InvariantCulture) == 0,
            IConvertible number => number.ToDouble(System.Globalization.CultureInfo.InvariantCulture) == 0,
            _ => false,
        };

    private static string Text(object value, FieldDescriptor field) =>
        value switch
        {
            Enum number => field
                .EnumType.FindValueByNumber(Convert.ToInt32(number, System.Globalization.CultureInfo.InvariantCulture))
                ?.Name
                ?? number.ToString(),
            bool flag => flag ? "true" : "false",
            _ => Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture) ?? "",
        };
}
