namespace MeshOperator.Proxy.Forwarding;

/// <summary>A request's body that can be read several times: for retries and copies. It is read from the client only as fast as a server
/// takes it, and kept up to a bound; beyond it can no longer be read from its beginning.</summary>
internal sealed class ReplayBody(Stream source, bool isKept) : IAsyncDisposable
{
    private const int BufferSize = 16 * 1024;
    private const long Limit = 16 * 1024 * 1024;

    private readonly Lock _gate = new();
    private readonly List<byte[]?> _chunks = [];
    private readonly CancellationTokenSource _closed = new();
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isKept = isKept;
    private bool _isEnded;
    private Exception? _failure;
    private long _length;
    private Task? _pending;

    /// <summary>Ends when all of the body has come, or no more will.</summary>
    public Task Completed => _completed.Task;

    /// <summary>Whether it can be read from its beginning.</summary>
    public bool CanReplay
    {
        get
        {
            lock (_gate)
                return _isKept || _length == 0;
        }
    }

    /// <summary>Reads it from its beginning.</summary>
    public Stream Open() => new Reader(this);

    /// <summary>Says that the request is over: nothing more is read from the client. A read that went on would take the bytes of the next
    /// request, for which the server uses the same objects.</summary>
    public async ValueTask DisposeAsync()
    {
        Task? pending;
        lock (_gate)
        {
            if (!_isEnded)
                _failure ??= new IOException("The request has ended before its body.");
            pending = _pending;
        }

        await _closed.CancelAsync();
        if (pending is not null)
            await pending;
        _completed.TrySetResult();
        _closed.Dispose();
    }

    private async ValueTask<int> ReadAsync(Position position, Memory<byte> output, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task pending;
            lock (_gate)
            {
                if (position.Chunk < _chunks.Count)
                    return Copy(position, output);
                if (_isEnded)
                    return 0;
                if (_failure is not null)
                    throw new IOException(_failure.Message, _failure);
                pending = _pending ??= PumpAsync();
            }

            await pending.WaitAsync(cancellationToken);
        }
    }

    private int Copy(Position position, Memory<byte> output)
    {
        var chunk = _chunks[position.Chunk] ?? throw new IOException("The body is too large to be read again.");
        var count = Math.Min(output.Length, chunk.Length - position.Offset);
        chunk.AsMemory(position.Offset, count).CopyTo(output);
        position.Offset += count;
        if (position.Offset < chunk.Length)
            return count;
        if (!_isKept)
            _chunks[position.Chunk] = null;
        position.Chunk++;
        position.Offset = 0;
        return count;
    }

    /// <summary>Not ended with an attempt: what it reads is for the next one.</summary>
    private async Task PumpAsync()
    {
        var closed = _closed.Token;
        await Task.Yield();
        var buffer = new byte[BufferSize];
        var count = 0;
        Exception? failure = null;
        try
        {
            count = await source.ReadAsync(buffer, closed);
        }
#pragma warning disable CA1031 // Whatever ends the client's body ends its readers.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            failure = exception;
        }

        lock (_gate)
        {
            _pending = null;
            _failure ??= failure;
            _isEnded = count == 0 && failure is null;
            if (count > 0)
                _chunks.Add(buffer[..count]);
            _length += count;
            if (_length > Limit)
                _isKept = false;
        }

        if (count == 0)
            _completed.TrySetResult();
    }

    private sealed class Position
    {
        public int Chunk { get; set; }

        public int Offset { get; set; }
    }

    private sealed class Reader(ReplayBody body) : Stream
    {
        private readonly Position _position = new();

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            body.ReadAsync(_position, buffer, cancellationToken);

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
