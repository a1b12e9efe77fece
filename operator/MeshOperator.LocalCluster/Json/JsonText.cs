using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MeshOperator.LocalCluster.Json;

/// <summary>JSON as bytes: a decoder that notices duplicate fields, and an encoder without needless escapes.</summary>
internal static class JsonText
{
    public const int MaxDepth = 512;

    private static readonly JsonWriterOptions WriterOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = MaxDepth + 8,
        SkipValidation = true,
    };

    private static readonly JsonSerializerOptions SerializerOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = MaxDepth + 8,
    };

    public static byte[] Encode(JsonNode? node)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        Encode(node, buffer);
        return buffer.WrittenSpan.ToArray();
    }

    public static void Encode(JsonNode? node, IBufferWriter<byte> output)
    {
        using var writer = new Utf8JsonWriter(output, WriterOptions);
        if (node is null)
            writer.WriteNullValue();
        else
            node.WriteTo(writer, SerializerOptions);
    }

    public static string EncodeText(JsonNode? node) => System.Text.Encoding.UTF8.GetString(Encode(node));

    /// <summary>Decodes one JSON value.</summary>
    /// <param name="json">The text.</param>
    /// <param name="duplicates">Receives the paths of fields given twice; the last one wins.</param>
    /// <exception cref="JsonException">The text is not JSON, or nested too deeply.</exception>
    public static JsonNode? Decode(ReadOnlySpan<byte> json, ICollection<string>? duplicates = null)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        if (!reader.Read())
            throw new JsonException("unexpected end of JSON input");
        var node = Value(ref reader, "", duplicates);
        if (reader.Read())
            throw new JsonException("invalid data after top-level value");
        return node;
    }

    public static JsonObject DecodeObject(ReadOnlySpan<byte> json) =>
        Decode(json) as JsonObject ?? throw new JsonException("expected a JSON object");

    private static JsonNode? Value(ref Utf8JsonReader reader, string path, ICollection<string>? duplicates)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var fields = new JsonObject();
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    var name = reader.GetString()!;
                    var child =
                        duplicates is null ? ""
                        : path.Length == 0 ? name
                        : $"{path}.{name}";
                    reader.Read();
                    var value = Value(ref reader, child, duplicates);
                    if (duplicates is not null && fields.ContainsKey(name))
                        duplicates.Add(child);
                    fields[name] = value;
                }

                return fields;
            case JsonTokenType.StartArray:
                var items = new JsonArray();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    items.Add(Value(ref reader, duplicates is null ? "" : $"{path}[{items.Count}]", duplicates));
                return items;
            case JsonTokenType.String:
                return JsonValue.Create(reader.GetString());
            case JsonTokenType.Number:
                return reader.TryGetInt64(out var integer) ? JsonValue.Create(integer) : JsonValue.Create(reader.GetDouble());
            case JsonTokenType.True:
                return JsonValue.Create(true);
            case JsonTokenType.False:
                return JsonValue.Create(false);
            default:
                return null;
        }
    }
}
