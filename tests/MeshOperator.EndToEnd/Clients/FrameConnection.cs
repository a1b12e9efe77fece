using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;

namespace MeshOperator.EndToEnd.Clients;

/// <summary>An HTTP/2 client that knows nothing but frames, so that it can send what no library would.</summary>
internal sealed class FrameConnection : IDisposable
{
    public const byte Data = 0;
    public const byte Priority = 2;
    public const byte Reset = 3;
    public const byte Settings = 4;
    public const byte Ping = 6;
    public const byte WindowUpdate = 8;

    /// <summary>What <see cref="AnswerAsync"/> says of a stream that ended with its connection.</summary>
    public const string Ended = "the connection ended";

    private const byte Headers = 1;
    private const byte EndStream = 1;
    private const byte EndHeaders = 4;
    private const int HeadLength = 9;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly RawConnection _connection;
    private readonly string _host;
    private readonly ConcurrentDictionary<int, TaskCompletionSource<string>> _answers = new();
    private readonly ConcurrentDictionary<int, string> _statuses = new();
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private FrameConnection(RawConnection connection, string host) => (_connection, _host) = (connection, host);

    /// <summary>Opens a connection.</summary>
    /// <param name="client">In whose pod.</param>
    /// <param name="host">The service.</param>
    /// <param name="port">Its port.</param>
    /// <param name="reads">Whether what arrives is read from the beginning.</param>
    public static async Task<FrameConnection> OpenAsync(Client client, string host, int port, bool reads = true)
    {
        var result = new FrameConnection(await client.ConnectAsync(host, port), host);
        await result.SendAsync([.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(Settings, 0, 0)]);
        if (reads)
            result.Read();
        return result;
    }

    /// <summary>A frame as bytes.</summary>
    public static byte[] Frame(byte type, byte flags, int stream, params byte[] payload)
    {
        var frame = new byte[HeadLength + payload.Length];
        (frame[0], frame[1], frame[2]) = ((byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length);
        (frame[3], frame[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, HeadLength);
        return frame;
    }

    /// <summary>The last frame of a body.</summary>
    public static byte[] EndOfBody(int stream) => Frame(Data, EndStream, stream, "done"u8.ToArray());

    /// <summary>The first frame of a request: POST with a body that follows, or GET.</summary>
    public byte[] Request(int stream, bool hasBody, params (string Name, string Value)[] headers)
    {
        // The method, scheme and path are in HPACK's table, as is the name of the authority. All else is letters.
        List<byte> block = [(byte)(hasBody ? 0x83 : 0x82), 0x86, 0x84, 0x01, .. Letters(_host)];
        foreach (var (name, value) in headers)
            block.AddRange([0x00, .. Letters(name), .. Letters(value)]);
        return Frame(Headers, (byte)(EndHeaders | (hasBody ? 0 : EndStream)), stream, [.. block]);
    }

    /// <summary>Sends frames. Where the other end has ended the connection, nothing happens.</summary>
    public async Task SendAsync(byte[] frames)
    {
        try
        {
            await _connection.SendAsync(frames);
        }
        catch (SocketException)
        {
            _end.TrySetResult();
        }
    }

    /// <summary>Reads what arrives from here on.</summary>
    public void Read() => _ = ReadAsync();

    /// <summary>The status of a stream's answer once it is whole, or what came in its place.</summary>
    public async Task<string> AnswerAsync(int stream) => await Answer(stream).Task.WaitAsync(Limit);

    /// <summary>Waits until the other end has ended the connection.</summary>
    public Task EndAsync() => _end.Task.WaitAsync(Limit);

    public void Dispose() => _connection.Dispose();

    private static byte[] Letters(string text) => [(byte)text.Length, .. Encoding.ASCII.GetBytes(text)];

    private TaskCompletionSource<string> Answer(int stream) =>
        _answers.GetOrAdd(
            stream,
            _ =>
            {
                var answer = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
                if (_end.Task.IsCompleted)
                    answer.TrySetResult(Ended);
                return answer;
            }
        );

    private async Task ReadAsync()
    {
        try
        {
            await using var stream = new NetworkStream(_connection.Socket);
            await using var input = new BufferedStream(stream, 64 * 1024);
            var head = new byte[HeadLength];
            while (true)
            {
                await input.ReadExactlyAsync(head);
                var payload = new byte[(head[0] << 16) | (head[1] << 8) | head[2]];
                await input.ReadExactlyAsync(payload);
                Note(head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), payload);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            _end.TrySetResult();
            foreach (var answer in _answers.Values)
                answer.TrySetResult(Ended);
        }
    }

    private void Note(byte type, byte flags, int stream, byte[] payload)
    {
        if (type == Reset)
            Answer(stream).TrySetResult("reset");
        if (type == Headers)
            _statuses.TryAdd(stream, Status(payload));
        if (type is Headers or Data && (flags & EndStream) != 0)
            Answer(stream).TrySetResult(_statuses[stream]);
    }

    /// <summary>It comes first, after changes of the size of HPACK's table; 200 is in that table.</summary>
    private static string Status(byte[] block) => block.SkipWhile(b => (b & 0xE0) == 0x20).FirstOrDefault() == 0x88 ? "200" : "not 200";
}
