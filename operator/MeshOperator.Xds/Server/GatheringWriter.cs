using System.Buffers;
using System.IO.Pipelines;

namespace MeshOperator.Xds.Server;

/// <summary>Gathers what is written before it goes to the output in large pieces. Each piece passes the layers of HTTP/2 with their locks,
/// and waits for a client that is behind: a stream then holds one piece in memory, however large the mesh is and however many clients
/// connect at once.</summary>
internal sealed class GatheringWriter(PipeWriter output) : IBufferWriter<byte>
{
    /// <summary>Of a piece, in bytes.</summary>
    private const int Size = 32 * 1024;

    private byte[] _piece = ArrayPool<byte>.Shared.Rent(Size);
    private int _length;

    /// <summary>Gives the memory back, after which the writer must not be used. Not to be called after a failure: a write may still be
    /// in flight, and would then write into what is another's.</summary>
    public void Return() => ArrayPool<byte>.Shared.Return(_piece);

    /// <inheritdoc/>
    /// <remarks>It grows if it must: <see cref="WriteAsync"/> is for what may be large.</remarks>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        var needed = _length + Math.Max(sizeHint, 1);
        if (needed > _piece.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(needed);
            _piece.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_piece);
            _piece = larger;
        }

        return _piece.AsMemory(_length);
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <inheritdoc/>
    public void Advance(int count) => _length += count;

    /// <summary>Writes a part, before which the piece goes to the output if it is full.</summary>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> part, CancellationToken cancellationToken)
    {
        if (_length + part.Length > Size)
            return PassOnAsync(part, cancellationToken);
        part.Span.CopyTo(GetSpan(part.Length));
        _length += part.Length;
        return default;
    }

    /// <summary>Sends all that was written.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (_length == 0)
            return;
        await output.WriteAsync(_piece.AsMemory(0, _length), cancellationToken);
        _length = 0;
    }

    private async ValueTask PassOnAsync(ReadOnlyMemory<byte> part, CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        if (part.Length > Size)
            await output.WriteAsync(part, cancellationToken);
        else
            await WriteAsync(part, cancellationToken);
    }
}
