using System.IO.Pipelines;

namespace MeshOperator.Listeners;

/// <summary>Has the server gather what it sends over TLS in large records. By itself it takes blocks of 4 kB, each of which is encrypted
/// alone and sent by a system call of its own.</summary>
/// <param name="output">What encrypts and sends; each of its segments becomes one record.</param>
internal sealed class LargeRecords(PipeWriter output) : PipeWriter
{
    /// <summary>Of a segment, in bytes.</summary>
    private const int Size = 16 * 1024;

    /// <summary>How much of the segment is free.</summary>
    private int _free;

    /// <inheritdoc/>
    public override bool CanGetUnflushedBytes => output.CanGetUnflushedBytes;

    /// <inheritdoc/>
    public override long UnflushedBytes => output.UnflushedBytes;

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        var memory = output.GetMemory(_free > 0 && _free >= sizeHint ? sizeHint : Math.Max(sizeHint, Size));
        _free = memory.Length;
        return memory;
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <inheritdoc/>
    public override void Advance(int bytes)
    {
        output.Advance(bytes);
        _free -= bytes;
    }

    /// <inheritdoc/>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        // The segments are given back with this.
        _free = 0;
        return output.FlushAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override void CancelPendingFlush() => output.CancelPendingFlush();

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null) => output.Complete(exception);

    /// <inheritdoc/>
    public override ValueTask CompleteAsync(Exception? exception = null) => output.CompleteAsync(exception);
}
