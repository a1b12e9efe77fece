using System.Collections.Frozen;
using System.Globalization;

namespace MeshOperator.LocalCluster.Protobuf;

/// <summary>The messages of Kubernetes' protobuf encoding, read from the table beside this file.</summary>
internal static class MessageTypes
{
    private static readonly Lazy<FrozenDictionary<string, FrozenDictionary<int, MessageField>>> Table = new(Read);

    /// <summary>The fields of a message such as core.v1.PodSpec by number; null if it is not known.</summary>
    public static FrozenDictionary<int, MessageField>? Find(string message) => Table.Value.GetValueOrDefault(message);

    /// <summary>The message of a kind; null if there is none.</summary>
    public static string? FindName(string apiVersion, string kind)
    {
        if (kind == "DeleteOptions")
            return "meta.v1.DeleteOptions";
        var slash = apiVersion.IndexOf('/', StringComparison.Ordinal);
        var package = slash < 0 ? "core" : apiVersion[..slash].Split('.')[0];
        var message = $"{package}.{apiVersion[(slash + 1)..]}.{kind}";
        return Table.Value.ContainsKey(message) ? message : null;
    }

    private static FrozenDictionary<string, FrozenDictionary<int, MessageField>> Read()
    {
        using var stream = typeof(MessageTypes).Assembly.GetManifestResourceStream("messages.txt")!;
        using var reader = new StreamReader(stream);
        var messages = new Dictionary<string, FrozenDictionary<int, MessageField>>(StringComparer.Ordinal);
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#'))
                continue;
            var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            messages[parts[0]] = parts[1..].Select(Field).ToFrozenDictionary(f => f.Number, f => f.Field);
        }

        return messages.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static (int Number, MessageField Field) Field(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var type = text[(colon + 1)..];
        var field = new MessageField(text[(equals + 1)..colon], type.TrimStart('*', '%'), type[0] == '*', type[0] == '%');
        return (int.Parse(text[..equals], CultureInfo.InvariantCulture), field);
    }
}

internal sealed record MessageField(string Name, string Type, bool Repeated, bool Map);
