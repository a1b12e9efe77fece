using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace MeshOperator.Kubernetes.Informers;

/// <summary>Reads one list in Kubernetes' protobuf form as it comes, and gives each item's message to <paramref name="take"/>. The form is
/// four bytes <c>k8s\0</c> and a <c>runtime.Unknown</c> (k8s.io/apimachinery, <c>pkg/runtime/generated.proto</c>), whose field <c>raw</c>
/// is the list.</summary>
internal sealed class ProtobufListReader(string resource, Action<ReadOnlySequence<byte>> take)
{
    /// <summary>The form's media type.</summary>
    public const string MediaType = "application/vnd.kubernetes.protobuf";

    private const int BufferSize = 128 * 1024;

    /// <summary>A tag and a length have at most ten bytes each.</summary>
    private const int LongestHead = 20;

    private const int LengthDelimited = 2;
    private const ulong RawField = 2;
    private const ulong MetadataField = 1;
    private const ulong ItemsField = 2;
    private const ulong VersionField = 2;
    private const ulong ContinueField = 3;

    private string? _version;
    private string? _continue;

    /// <summary>Reads to the end of the list, once.</summary>
    /// <returns>The list's version, and where it goes on.</returns>
    /// <exception cref="InvalidDataException">It is no list, or an item is too long.</exception>
    /// <exception cref="IOException">It ends within the list.</exception>
    public async Task<(string? Version, string? Continue)> ReadAsync(Stream list, CancellationToken cancellation)
    {
        var reader = PipeReader.Create(list, new StreamPipeReaderOptions(bufferSize: BufferSize));
        try
        {
            await ReadMagicAsync(reader, cancellation);
            var left = await FindListAsync(reader, cancellation);
            while (left > 0)
                left -= await ReadFieldAsync(reader, cancellation);
            return left == 0 ? (_version, _continue) : throw Malformed();
        }
        finally
        {
            await reader.CompleteAsync();
        }
    }

    private async Task ReadMagicAsync(PipeReader reader, CancellationToken cancellation)
    {
        var buffer = await PeekAsync(reader, 4, cancellation);
        var isMagic = buffer.Slice(0, 4).ToArray().AsSpan().SequenceEqual("k8s\0"u8);
        reader.AdvanceTo(buffer.GetPosition(4));
        if (!isMagic)
            throw Malformed();
    }

    /// <summary>Goes to the beginning of the list and returns its length.</summary>
    private async Task<long> FindListAsync(PipeReader reader, CancellationToken cancellation)
    {
        while (true)
        {
            var head = await ReadHeadAsync(reader, cancellation);
            if (head.Field == RawField)
                return head.Length;
            reader.AdvanceTo((await PeekAsync(reader, head.Length, cancellation)).GetPosition(head.Length));
        }
    }

    /// <summary>Reads the list's metadata or an item, and returns how many bytes that were.</summary>
    private async Task<long> ReadFieldAsync(PipeReader reader, CancellationToken cancellation)
    {
        var head = await ReadHeadAsync(reader, cancellation);
        var value = (await PeekAsync(reader, head.Length, cancellation)).Slice(0, head.Length);
        if (head.Field == ItemsField)
            take(value);
        else if (head.Field == MetadataField)
            ReadMetadata(value);
        reader.AdvanceTo(value.End);
        return head.Size + head.Length;
    }

    private void ReadMetadata(ReadOnlySequence<byte> metadata)
    {
        while (!metadata.IsEmpty)
        {
            var head = ParseHead(metadata);
            if (head.Size + head.Length > metadata.Length)
                throw Malformed();
            var value = metadata.Slice(head.Size, head.Length);
            if (head.Field == VersionField)
                _version = Encoding.UTF8.GetString(value);
            else if (head.Field == ContinueField)
                _continue = Encoding.UTF8.GetString(value);
            metadata = metadata.Slice(value.End);
        }
    }

    private async Task<Head> ReadHeadAsync(PipeReader reader, CancellationToken cancellation)
    {
        // The last field of all may be shorter than the longest head.
        var buffer = (await reader.ReadAtLeastAsync(LongestHead, cancellation)).Buffer;
        var head = ParseHead(buffer);
        reader.AdvanceTo(buffer.GetPosition(head.Size));
        return head;
    }

    /// <summary>At least so many bytes, which stay unread.</summary>
    private async Task<ReadOnlySequence<byte>> PeekAsync(PipeReader reader, long count, CancellationToken cancellation)
    {
        if (count > WatchStream.LongestEvent)
            throw new InvalidDataException($"The list of {resource} has an object that is longer than {WatchStream.LongestEvent} bytes.");
        var buffer = (await reader.ReadAtLeastAsync((int)count, cancellation)).Buffer;
        return buffer.Length >= count ? buffer : throw new IOException($"The list of {resource} ends before its end.");
    }

    private Head ParseHead(ReadOnlySequence<byte> bytes)
    {
        var reader = new SequenceReader<byte>(bytes);
        var tag = ReadVarint(ref reader);
        // Metadata has a number, remainingItemCount, which is read as a field without content.
        if ((tag & 7) == 0)
        {
            ReadVarint(ref reader);
            return new Head(tag >> 3, (int)reader.Consumed, 0);
        }

        var length = ReadVarint(ref reader);
        if ((tag & 7) != LengthDelimited)
            throw Malformed();
        return length <= long.MaxValue ? new Head(tag >> 3, (int)reader.Consumed, (long)length) : throw Malformed();
    }

    private ulong ReadVarint(ref SequenceReader<byte> reader)
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (!reader.TryRead(out var next))
                throw new IOException($"The list of {resource} ends before its end.");
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
                return value;
        }

        throw Malformed();
    }

    private InvalidDataException Malformed() => new($"The list of {resource} is not the protobuf that its media type promises.");

    /// <summary>The number of a field, how many bytes that and its length are, and the length.</summary>
    private readonly record struct Head(ulong Field, int Size, long Length);
}
