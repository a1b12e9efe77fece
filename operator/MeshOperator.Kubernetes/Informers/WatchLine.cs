using System.Buffers;
using System.Net;
using System.Text.Json;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.Kubernetes.Informers;

/// <summary>One line of a watch: <c>{"type":"ADDED","object":{…}}</c>, split without reading the object twice.</summary>
internal static class WatchLine
{
    public enum Kind
    {
        Added,
        Modified,
        Deleted,
        Bookmark,
        Error,
    }

    /// <summary>The kind of event and the object's JSON.</summary>
    /// <exception cref="InvalidDataException">The line is not an event.</exception>
    public static (Kind Kind, byte[] Json) Parse(in ReadOnlySequence<byte> line)
    {
        Kind? kind = null;
        byte[]? json = null;
        try
        {
            var reader = new Utf8JsonReader(line);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isType = reader.ValueTextEquals("type"u8);
                var isObject = reader.ValueTextEquals("object"u8);
                reader.Read();
                if (isType && reader.TokenType == JsonTokenType.String)
                {
                    kind = Enum.TryParse<Kind>(reader.GetString(), ignoreCase: true, out var parsed) ? parsed : null;
                    continue;
                }

                var start = reader.TokenStartIndex;
                reader.Skip();
                if (isObject)
                    json = line.Slice(start, reader.BytesConsumed - start).ToArray();
            }
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"A watch event is not JSON: {e.Message}", e);
        }

        return kind is { } known && json is not null
            ? (known, json)
            : throw new InvalidDataException("A watch event lacks a known type or its object.");
    }

    /// <summary>The version of a bookmark; null when it has none.</summary>
    public static string? FindVersion(byte[] bookmark)
    {
        using var json = JsonDocument.Parse(bookmark);
        return
            json.RootElement.ValueKind == JsonValueKind.Object
            && json.RootElement.TryGetProperty("metadata", out var metadata)
            && metadata.ValueKind == JsonValueKind.Object
            && metadata.TryGetProperty("resourceVersion", out var version)
            && version.ValueKind == JsonValueKind.String
            ? version.GetString()
            : null;
    }

    /// <summary>The error that an ERROR event carries as a Status.</summary>
    public static KubernetesApiException ToException(string resource, byte[] status)
    {
        using var json = JsonDocument.Parse(status);
        var root = json.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException($"An ERROR event of {resource} has no Status.");
        var code =
            root.TryGetProperty("code", out var c) && c.ValueKind == JsonValueKind.Number && c.TryGetInt32(out var number) ? number : 500;
        var reason = Text("reason");
        // Some servers say "too old" by the reason only.
        if (reason is "Expired" or "Gone")
            code = (int)HttpStatusCode.Gone;
        TimeSpan? retryAfter =
            root.TryGetProperty("details", out var details)
            && details.ValueKind == JsonValueKind.Object
            && details.TryGetProperty("retryAfterSeconds", out var r)
            && r.ValueKind == JsonValueKind.Number
            && r.TryGetInt32(out var seconds)
            && seconds > 0
                ? TimeSpan.FromSeconds(seconds)
                : null;
        return new KubernetesApiException((HttpStatusCode)code, reason ?? "Unknown", $"watch of {resource}: {Text("message")}", retryAfter);

        string? Text(string name) =>
            root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
    }
}
