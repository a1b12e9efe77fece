using System.Buffers;
using System.Buffers.Binary;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Server;

/// <summary>A <c>DiscoveryResponse</c> or <c>DeltaDiscoveryResponse</c>, written from resources that are serialised already. The numbers
/// are those of the fields in discovery.proto.</summary>
internal sealed class AdsResponse
{
    public required bool IsDelta { get; init; }

    public required ResourceType Type { get; init; }

    public required string Version { get; init; }

    public required string Nonce { get; init; }

    public required IReadOnlyList<XdsResource> Resources { get; init; }

    /// <summary>Delta only.</summary>
    public IReadOnlyList<string> RemovedNames { get; init; } = [];

    /// <summary>Writes the response as a gRPC message. gRPC's own writer would hold the whole of it.</summary>
    /// <param name="output">To the body of the HTTP response.</param>
    /// <param name="flush">Whether to flush at the end; not needed when another response follows at once.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    public async ValueTask WriteAsync(GatheringWriter output, bool flush, CancellationToken cancellationToken)
    {
        const int GrpcHeaderSize = 5;
        var header = output.GetSpan(GrpcHeaderSize);
        header[0] = 0; // not compressed
        BinaryPrimitives.WriteInt32BigEndian(header[1..], CalculateSize());
        output.Advance(GrpcHeaderSize);

        WriteString(output, 1, Version);
        foreach (var resource in Resources)
        {
            if (!IsDelta)
                WriteHeader(output, resource.Any.Length);
            await output.WriteAsync(IsDelta ? resource.DeltaField : resource.Any, cancellationToken);
        }

        WriteString(output, 4, Type.Url());
        WriteString(output, 5, Nonce);
        foreach (var name in RemovedNames)
            WriteString(output, 6, name);
        if (flush)
            await output.FlushAsync(cancellationToken);
    }

    private static void WriteHeader(GatheringWriter output, int length)
    {
        var header = output.GetSpan(Wire.MaxHeaderSize);
        output.Advance(header.Length - Wire.WriteHeader(header, 2, length).Length);
    }

    private static void WriteString(GatheringWriter output, int field, string value)
    {
        var span = output.GetSpan(Wire.StringSize(value));
        output.Advance(span.Length - Wire.WriteString(span, field, value).Length);
    }

    private int CalculateSize()
    {
        var size = Wire.StringSize(Version) + Wire.StringSize(Type.Url()) + Wire.StringSize(Nonce);
        foreach (var resource in Resources)
            size += IsDelta ? resource.DeltaField.Length : Wire.LengthDelimitedSize(resource.Any.Length);
        foreach (var name in RemovedNames)
            size += Wire.StringSize(name);
        return size;
    }
}
