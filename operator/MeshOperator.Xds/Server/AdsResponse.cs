using System.Buffers;
using System.Text;
using Google.Protobuf;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Server;

/// <summary>A <c>DiscoveryResponse</c> or <c>DeltaDiscoveryResponse</c>, written from resources that are serialised already. The numbers
/// are those of the fields in discovery.proto.</summary>
internal sealed class AdsResponse
{
    /// <summary>What each resource adds at most beyond its own bytes, name and version: tags and lengths.</summary>
    public const int ResourceOverhead = 32;

    private int? _size;

    public required bool IsDelta { get; init; }

    public required ResourceType Type { get; init; }

    public required string Version { get; init; }

    public required string Nonce { get; init; }

    public required IReadOnlyList<XdsResource> Resources { get; init; }

    /// <summary>Delta only.</summary>
    public IReadOnlyList<string> RemovedNames { get; init; } = [];

    /// <summary>In bytes.</summary>
    public int Size => _size ??= CalculateSize();

    public void WriteTo(IBufferWriter<byte> output)
    {
        WriteString(output, 1, Version);
        foreach (var resource in Resources)
        {
            if (IsDelta)
            {
                WriteHeader(output, 2, DeltaResourceSize(resource));
                WriteString(output, 1, resource.Version);
                WriteHeader(output, 2, resource.Any.Length);
                output.Write(resource.Any);
                WriteString(output, 3, resource.Name);
            }
            else
            {
                WriteHeader(output, 2, resource.Any.Length);
                output.Write(resource.Any);
            }
        }

        WriteString(output, 4, Type.Url());
        WriteString(output, 5, Nonce);
        foreach (var name in RemovedNames) WriteString(output, 6, name);
    }

    private int CalculateSize()
    {
        var size = StringField(Version) + StringField(Type.Url()) + StringField(Nonce);
        foreach (var resource in Resources) size += LengthDelimited(IsDelta ? DeltaResourceSize(resource) : resource.Any.Length);
        foreach (var name in RemovedNames) size += StringField(name);
        return size;
    }

    private static int DeltaResourceSize(XdsResource resource) =>
        StringField(resource.Version) + LengthDelimited(resource.Any.Length) + StringField(resource.Name);

    // All field numbers are below 16, so a tag is one byte.
    private static int LengthDelimited(int length) => 1 + CodedOutputStream.ComputeLengthSize(length) + length;

    private static int StringField(string value) => LengthDelimited(Encoding.UTF8.GetByteCount(value));

    private static void WriteString(IBufferWriter<byte> output, int field, string value)
    {
        WriteHeader(output, field, Encoding.UTF8.GetByteCount(value));
        Encoding.UTF8.GetBytes(value, output);
    }

    private static void WriteHeader(IBufferWriter<byte> output, int field, int length)
    {
        const int LengthDelimitedType = 2;
        var span = output.GetSpan(6);
        span[0] = (byte)((field << 3) | LengthDelimitedType);
        var written = 1;
        for (var rest = (uint)length; ; rest >>= 7)
        {
            if (rest < 0x80)
            {
                span[written++] = (byte)rest;
                break;
            }

            span[written++] = (byte)(rest | 0x80);
        }

        output.Advance(written);
    }
}
