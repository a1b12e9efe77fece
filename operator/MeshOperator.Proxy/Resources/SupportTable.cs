using System.Collections.Frozen;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace MeshOperator.Proxy.Resources;

/// <summary>Which fields of Envoy's messages the proxy carries. A configuration that sets any other is rejected by that field's name, so
/// nothing is ignored silently.</summary>
internal static partial class SupportTable
{
    private const string Statistics = "names statistics, of which the built-in proxy has few";
    private const string Sockets = "settings of sockets; connections are on one machine";
    private const string Zones = "endpoints of all zones are used alike, as Envoy does without a policy of zones";
    private const string LoadReports = "load reports are neither asked for nor read; endpoints take turns";
    private const string SlowStart = "an endpoint gets its whole share at once";
    private const string Writing = "names of headers and reason phrases are written as .NET writes them";
    private const string Outgrown = "the built-in proxy never answers with 507";

    /// <summary>What is done with each message, by full name.</summary>
    public static FrozenDictionary<string, MessageSupport> Messages { get; } =
        Clusters()
            .Concat(Endpoints())
            .Concat(Listeners())
            .Concat(ConnectionManagers())
            .Concat(Routes())
            .Concat(Filters())
            .Concat(Tls())
            .Concat(Shared())
            .ToFrozenDictionary(message => message.Descriptor.FullName, StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, MessageParser> Parsers = Messages.Values.ToFrozenDictionary(
        message => message.Descriptor.FullName,
        message => message.Descriptor.Parser.WithDiscardUnknownFields(true),
        StringComparer.Ordinal
    );

    /// <summary>Messages of a type URL's type that are inside of an Any.</summary>
    public static TypeRegistry Registry { get; } = TypeRegistry.FromMessages([.. Messages.Values.Select(message => message.Descriptor)]);

    /// <summary>The parser of a message; null when the proxy does not know it. It discards fields that it does not know.</summary>
    public static MessageParser? FindParser(string fullName) => Parsers.GetValueOrDefault(fullName);

    private static MessageSupport Create(MessageDescriptor descriptor) => new(descriptor);

    private static MessageSupport All(MessageDescriptor descriptor) => new MessageSupport(descriptor).CarriesAll();
}
