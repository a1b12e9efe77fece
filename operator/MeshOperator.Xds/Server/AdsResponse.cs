using System.Buffers;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Server;

/// <summary>A <c>DiscoveryResponse</c> or <c>DeltaDiscoveryResponse</c>, written from resources that are serialised already. The numbers
/// are those of the fields in discovery.proto.</summary>
internal sealed class AdsResponse
{
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
                output.Write(resource.DeltaField);
            }
            else
            {
                var header = output.GetSpan(Wire.MaxHeaderSize);
                output.Advance(header.Length - Wire.WriteHeader(header, 2, resource.Any.Length).Length);
                output.Write(resource.Any);
            }
        }

        WriteString(output, 4, Type.Url());
        WriteString(output, 5, Nonce);
        foreach (var name in RemovedNames) WriteString(output, 6, name);
    }

    private static void WriteString(IBufferWriter<byte> output, int field, string value)
    {
        var span = output.GetSpan(Wire.StringSize(value));
        output.Advance(span.Length - Wire.WriteString(span, field, value).Length);
    }

    private int CalculateSize()
    {
        var size = Wire.StringSize(Version) + Wire.StringSize(Type.Url()) + Wire.StringSize(Nonce);
        foreach (var resource in Resources) size += IsDelta ? resource.DeltaField.Length : Wire.LengthDelimitedSize(resource.Any.Length);
        foreach (var name in RemovedNames) size += Wire.StringSize(name);
        return size;
    }
}
