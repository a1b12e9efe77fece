using System.Buffers.Binary;
using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Schemas;

namespace MeshOperator.LocalCluster.Protobuf;

/// <summary>
/// Reads request bodies of type application/vnd.kubernetes.protobuf, which Go's typed clients (and so `kubectl create`) send
/// without asking. Answers are JSON, which those clients accept.
/// </summary>
internal static class ProtobufBody
{
    private static readonly byte[] Magic = [0x6b, 0x38, 0x73, 0x00];

    /// <summary>Numbers that are pointers in Go, where zero is not the same as absent.</summary>
    private static readonly FrozenSet<string> ZeroMatters = new[]
    {
        "replicas",
        "partition",
        "backoffLimit",
        "completions",
        "parallelism",
        "ttlSecondsAfterFinished",
        "revisionHistoryLimit",
        "terminationGracePeriodSeconds",
        "gracePeriodSeconds",
        "runAsUser",
        "runAsGroup",
        "fsGroup",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
        "leaseTransitions",
        "priority",
    }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Flags that are pointers in Go, where false is not the same as absent.</summary>
    private static readonly FrozenSet<string> FalseMatters = new[]
    {
        "automountServiceAccountToken",
        "enableServiceLinks",
        "allowPrivilegeEscalation",
        "runAsNonRoot",
        "immutable",
        "controller",
        "ready",
        "serving",
        "terminating",
        "blockOwnerDeletion",
        "suspend",
        "optional",
        "readOnlyRootFilesystem",
        "privileged",
        "allowed",
        "allocateLoadBalancerNodePorts",
    }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Decodes an enveloped object.</summary>
    /// <param name="body">The bytes.</param>
    /// <param name="findSchema">Finds the schema of an apiVersion and kind, to recognise inlined fields.</param>
    /// <exception cref="JsonException">The bytes are not such an object, or of a kind without a protobuf form.</exception>
    public static JsonObject Decode(ReadOnlySpan<byte> body, Func<string, string, StructuralSchema?> findSchema)
    {
        if (!body.StartsWith(Magic))
            throw new JsonException("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
        string apiVersion = "",
            kind = "";
        ReadOnlySpan<byte> raw = default;
        var envelope = new WireReader(body[4..]);
        while (envelope.Next(out var number, out _, out var bytes))
        {
            if (number == 2)
                raw = bytes;
            if (number != 1)
                continue;
            var type = new WireReader(bytes);
            while (type.Next(out var part, out _, out var text))
            {
                if (part == 1)
                    apiVersion = Encoding.UTF8.GetString(text);
                if (part == 2)
                    kind = Encoding.UTF8.GetString(text);
            }
        }

        var message =
            MessageTypes.FindName(apiVersion, kind)
            ?? throw new JsonException($"no protobuf form of {apiVersion} {kind} is known; send JSON");
        var content = new JsonObject { ["apiVersion"] = apiVersion, ["kind"] = kind };
        Fields(raw, message, findSchema(apiVersion, kind), content, 0);
        return content;
    }

    private static void Fields(ReadOnlySpan<byte> bytes, string message, StructuralSchema? schema, JsonObject into, int depth)
    {
        if (depth > 64)
            throw new JsonException("protobuf message is nested too deeply");
        var fields = MessageTypes.Find(message) ?? throw new JsonException($"unknown protobuf message {message}");
        var reader = new WireReader(bytes);
        while (reader.Next(out var number, out var scalar, out var data))
        {
            if (!fields.TryGetValue(number, out var field))
                continue;
            if (message == "authentication.v1.ExtraValue")
                throw new JsonException("user extras are not read from protobuf; send JSON");
            if (field.Name == "Webhooks")
                field = field with { Name = "webhooks" };
            var property = schema?.Properties.GetValueOrDefault(field.Name);
            if (field.Map)
            {
                Entry(data, field, property?.AdditionalProperties, into.Ensure(field.Name), depth);
                continue;
            }

            // A struct embedded in Go is a field of its own here and inlined in JSON.
            if (
                schema is not null
                && property is null
                && !field.Repeated
                && field.Type.Contains('.', StringComparison.Ordinal)
                && MessageTypes.Find(field.Type) is not null
            )
            {
                Fields(data, field.Type, schema, into, depth + 1);
                continue;
            }

            var value = Value(field, scalar, data, field.Repeated ? property?.Items : property, depth);
            if (field.Repeated)
            {
                if (into[field.Name] is not JsonArray items)
                    into[field.Name] = items = [];
                items.Add(value);
            }
            else if (value is not null)
            {
                into[field.Name] = value;
            }
        }
    }

    private static void Entry(ReadOnlySpan<byte> bytes, MessageField field, StructuralSchema? values, JsonObject map, int depth)
    {
        var key = "";
        JsonNode? value = field.Type == "string" ? "" : null;
        var reader = new WireReader(bytes);
        while (reader.Next(out var number, out var scalar, out var data))
        {
            if (number == 1)
                key = Encoding.UTF8.GetString(data);
            else if (number == 2)
                value = Value(field with { Repeated = true }, scalar, data, values, depth);
        }

        map[key] = value;
    }

    private static JsonNode? Value(MessageField field, ulong scalar, ReadOnlySpan<byte> data, StructuralSchema? schema, int depth)
    {
        switch (field.Type)
        {
            case "string":
                return data.IsEmpty && !field.Repeated ? null : JsonValue.Create(Encoding.UTF8.GetString(data));
            case "bytes":
                return JsonValue.Create(Convert.ToBase64String(data));
            case "bool":
                return scalar == 0 && !field.Repeated && !FalseMatters.Contains(field.Name) ? null : JsonValue.Create(scalar != 0);
            case "int":
                return scalar == 0 && !field.Repeated && !ZeroMatters.Contains(field.Name) ? null : JsonValue.Create((long)scalar);
            case "double":
                return JsonValue.Create(BitConverter.UInt64BitsToDouble(scalar));
            case "meta.v1.Time" or "meta.v1.MicroTime":
                return Time(data, field.Type == "meta.v1.MicroTime");
            case "resource.Quantity":
                return Text(data, 1) is { } quantity ? JsonValue.Create(quantity) : null;
            case "intstr.IntOrString":
                return IntOrString(data);
            case "meta.v1.FieldsV1" or "runtime.RawExtension":
                return Raw(data);
            default:
                var content = new JsonObject();
                Fields(data, field.Type, schema, content, depth + 1);
                return content;
        }
    }

    private static JsonNode? Raw(ReadOnlySpan<byte> data)
    {
        var reader = new WireReader(data);
        while (reader.Next(out var number, out _, out var bytes))
            if (number == 1)
                return JsonText.Decode(bytes);
        return null;
    }

    private static string? Text(ReadOnlySpan<byte> data, int wanted)
    {
        var reader = new WireReader(data);
        while (reader.Next(out var number, out _, out var bytes))
            if (number == wanted)
                return Encoding.UTF8.GetString(bytes);
        return null;
    }

    private static JsonValue? Time(ReadOnlySpan<byte> data, bool micros)
    {
        if (data.IsEmpty)
            return null;
        long seconds = 0,
            nanos = 0;
        var reader = new WireReader(data);
        while (reader.Next(out var number, out var scalar, out _))
        {
            if (number == 1)
                seconds = (long)scalar;
            if (number == 2)
                nanos = (long)scalar;
        }

        if (seconds is < -62135596800 or > 253402300799)
            throw new JsonException("timestamp is out of range");
        var time = DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(nanos / 100);
        return JsonValue.Create(micros ? Rfc3339.Micros(time) : Rfc3339.Seconds(time));
    }

    private static JsonValue? IntOrString(ReadOnlySpan<byte> data)
    {
        ulong type = 0;
        long number = 0;
        var text = "";
        var reader = new WireReader(data);
        while (reader.Next(out var part, out var scalar, out var bytes))
        {
            if (part == 1)
                type = scalar;
            if (part == 2)
                number = (long)scalar;
            if (part == 3)
                text = Encoding.UTF8.GetString(bytes);
        }

        return type == 1 ? JsonValue.Create(text) : JsonValue.Create(number);
    }

    /// <summary>Walks the fields of one message.</summary>
    private ref struct WireReader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _rest = bytes;

        public bool Next(out int number, out ulong scalar, out ReadOnlySpan<byte> data)
        {
            number = 0;
            scalar = 0;
            data = default;
            if (_rest.IsEmpty)
                return false;
            var tag = Varint();
            number = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    scalar = Varint();
                    return true;
                case 1:
                    scalar = BinaryPrimitives.ReadUInt64LittleEndian(Take(8));
                    return true;
                case 2:
                    var length = Varint();
                    if (length > int.MaxValue)
                        throw new JsonException("protobuf field is too long");
                    data = Take((int)length);
                    return true;
                case 5:
                    scalar = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
                    return true;
                default:
                    throw new JsonException("illegal protobuf wire type");
            }
        }

        private ReadOnlySpan<byte> Take(int count)
        {
            if (count > _rest.Length)
                throw new JsonException("unexpected end of protobuf message");
            var taken = _rest[..count];
            _rest = _rest[count..];
            return taken;
        }

        private ulong Varint()
        {
            ulong value = 0;
            for (var shift = 0; shift < 64; shift += 7)
            {
                var next = Take(1)[0];
                value |= (ulong)(next & 0x7f) << shift;
                if (next < 0x80)
                    return value;
            }

            throw new JsonException("protobuf number is too long");
        }
    }
}
