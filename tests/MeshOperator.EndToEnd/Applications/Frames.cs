using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace MeshOperator.EndToEnd.Applications;

/// <summary>An HTTP/2 server that knows nothing but frames. Each stream is answered half a second after its request, and the third of all
/// connections' at once, with a name of a header that HTTP/2 forbids.</summary>
internal static class Frames
{
    private const int HeadLength = 9;
    private const int PrefaceLength = 24;
    private const byte Data = 0;
    private const byte Headers = 1;
    private const byte Settings = 4;
    private const byte Ping = 6;
    private const byte Acknowledge = 1;
    private const byte EndStream = 1;
    private const byte EndHeaders = 4;

    /// <summary>Status 200 by its number in HPACK's table, and a header that says nothing new.</summary>
    private static readonly byte[] Ok = [0x88];

    /// <summary>The same, and <c>X-Bad: 1</c> as letters.</summary>
    private static readonly byte[] Malformed = [0x88, 0x00, 5, (byte)'X', (byte)'-', (byte)'B', (byte)'a', (byte)'d', 1, (byte)'1'];

    private static readonly TimeSpan AnswerAfter = TimeSpan.FromMilliseconds(500);
    private static readonly ConcurrentDictionary<string, int> Requests = new(StringComparer.Ordinal);

    /// <summary>Serves a connection until its end.</summary>
    public static async Task ServeAsync(ConnectionContext connection)
    {
        var output = new Writer(connection.Transport.Output);
        try
        {
            await ReadAsync(connection.Transport.Input, PrefaceLength);
            await output.SendAsync(Settings, 0, 0, []);
            while (true)
            {
                var head = await ReadAsync(connection.Transport.Input, HeadLength);
                var length = (head[0] << 16) | (head[1] << 8) | head[2];
                var (type, flags, stream) = (head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)));
                var payload = await ReadAsync(connection.Transport.Input, length);
                if (type == Settings && (flags & Acknowledge) == 0)
                    await output.SendAsync(Settings, Acknowledge, 0, []);
                else if (type == Ping && (flags & Acknowledge) == 0)
                    await output.SendAsync(Ping, Acknowledge, 0, payload);
                else if (type == Headers)
                    _ = AnswerAsync(output, stream, Requests.AddOrUpdate(Where(connection), 1, (_, count) => count + 1));
            }
        }
        catch (Exception e) when (e is IOException or ConnectionAbortedException or ConnectionResetException)
        {
            // The caller has gone.
        }
    }

    private static string Where(ConnectionContext connection) => connection.LocalEndPoint?.ToString() ?? string.Empty;

    private static async Task AnswerAsync(Writer output, int stream, int number)
    {
        try
        {
            if (number == 3)
            {
                await output.SendAsync(Headers, EndHeaders | EndStream, stream, Malformed);
                return;
            }

            await Task.Delay(AnswerAfter, TimeProvider.System);
            await output.SendAsync(Headers, EndHeaders, stream, Ok);
            await output.SendAsync(Data, EndStream, stream, "done"u8.ToArray());
        }
        catch (Exception e) when (e is IOException or ConnectionAbortedException or ConnectionResetException or InvalidOperationException)
        {
            // The caller has gone.
        }
    }

    private static async Task<byte[]> ReadAsync(PipeReader input, int count)
    {
        var read = await input.ReadAtLeastAsync(count);
        if (read.Buffer.Length < count)
            throw new IOException("The connection has ended.");
        var bytes = new byte[count];
        var part = read.Buffer.Slice(0, count);
        System.Buffers.BuffersExtensions.CopyTo(part, bytes);
        input.AdvanceTo(part.End);
        return bytes;
    }

    /// <summary>Writes one frame after the other.</summary>
    private sealed class Writer(PipeWriter output)
    {
        private readonly SemaphoreSlim _turn = new(1);

        public async Task SendAsync(byte type, byte flags, int stream, byte[] payload)
        {
            var frame = new byte[HeadLength + payload.Length];
            (frame[0], frame[1], frame[2]) = ((byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length);
            (frame[3], frame[4]) = (type, flags);
            BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
            payload.CopyTo(frame, HeadLength);
            await _turn.WaitAsync();
            try
            {
                await output.WriteAsync(frame);
            }
            finally
            {
                _turn.Release();
            }
        }
    }
}
