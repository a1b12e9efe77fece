using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace MeshOperator.EndToEnd.Applications;

/// <summary>An HTTP/1.1 server that knows nothing but bytes: it answers a request by the bytes that arrived. The header <c>x-answer</c>
/// orders another answer, see <see cref="Answer"/>.</summary>
internal static partial class Recorder
{
    /// <summary>A message of grpc-web, and the frame in which it has its trailers.</summary>
    public const string GrpcWebAnswer = "\u0000\u0000\u0000\u0000\u0003\u0008\u0096\u0001\u0080\u0000\u0000\u0000\u000fgrpc-status:0\r\n";

    private const string End = "\r\n\r\n";
    private static readonly TimeSpan CutAfter = TimeSpan.FromMilliseconds(300);

    /// <summary>Answers one request after the other, until the caller ends or asked for an end.</summary>
    public static async Task ServeAsync(ConnectionContext connection)
    {
        try
        {
            var arrived = string.Empty;
            var keepAlive = Timeout.Infinite;
            while (true)
            {
                var head = await ReadUntilAsync(
                    connection,
                    arrived,
                    text => text.IndexOf(End, StringComparison.Ordinal) is var at and >= 0 ? at + End.Length : 0,
                    keepAlive
                );
                if (head.End == 0)
                    return;
                var request = head.Text[..head.End];
                var order = Header(request, "x-answer");
                keepAlive = int.TryParse(Header(request, "x-keep-alive"), CultureInfo.InvariantCulture, out var given) ? given : keepAlive;
                if (request.StartsWith("CONNECT ", StringComparison.Ordinal))
                {
                    await TunnelAsync(connection, request, head.Text[head.End..]);
                    return;
                }

                if (order is "refuse")
                {
                    await WriteAsync(connection, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                    return;
                }

                if (order is "cut")
                {
                    await CutAsync(connection);
                    return;
                }

                if (Header(request, "expect") is not null)
                    await WriteAsync(connection, "HTTP/1.1 100 Continue\r\n\r\n");
                var whole = await ReadUntilAsync(connection, head.Text, text => EndOfBody(text, head.End));
                if (whole.End == 0)
                    return;
                await WriteAsync(connection, Answer(order, whole.Text[..whole.End]));
                if (request.Contains("HTTP/1.0\r\n", StringComparison.Ordinal) || Header(request, "connection") == "close")
                    return;
                arrived = whole.Text[whole.End..];
            }
        }
        catch (Exception e) when (e is IOException or ConnectionAbortedException or ConnectionResetException)
        {
            // The caller has gone.
        }
    }

    /// <summary>Half of an answer without a length, and then a reset.</summary>
    private static async Task CutAsync(ConnectionContext connection)
    {
        await WriteAsync(connection, $"HTTP/1.1 200 OK\r\nConnection: close{End}half");

        // A reset that overtakes what was written would leave nothing of it.
        await Task.Delay(CutAfter, TimeProvider.System);
        var socket = connection.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket;
        socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Close();
    }

    /// <summary>What CONNECT asks for: from here on it sends back what it gets, after a line that says whom it was asked for.</summary>
    private static async Task TunnelAsync(ConnectionContext connection, string request, string arrived)
    {
        await WriteAsync(connection, $"HTTP/1.1 200 OK{End}to {request.Split(' ')[1]}: {arrived}");
        while (await connection.Transport.Input.ReadAsync() is { IsCompleted: false } read)
        {
            foreach (var part in read.Buffer)
                await connection.Transport.Output.WriteAsync(part);
            connection.Transport.Input.AdvanceTo(read.Buffer.End);
        }
    }

    private static string Answer(string? order, string request) =>
        order switch
        {
            "hints" => $"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload{End}{Ok(string.Empty, "done")}",
            "trailers" =>
                $"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Checksum{End}4\r\ndone\r\n0\r\nX-Checksum: 1a2b{End}",
            "headers" => Ok(string.Concat(Enumerable.Range(0, 150).Select(i => $"X-{i}: value\r\n")), "done"),
            "too-many" => Ok(string.Concat(Enumerable.Range(0, 600).Select(i => $"X-{i}: value\r\n")), "done"),
            "large" => Ok($"X-Large: {new string('l', 61_440)}\r\n", "done"),
            "busy" => "HTTP/1.1 409 Model Busy\r\nX-CamelCase: Kept\r\nContent-Length: 4\r\n\r\ndone",
            "length-and-chunks" => $"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked{End}4\r\ndone\r\n0{End}",
            "chunked-twice" => $"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked{End}4\r\ndone\r\n0{End}",
            "no-content-with-chunks" => $"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked{End}0{End}",
            "envoy" => Ok(
                "x-envoy-upstream-service-time: 1\r\nx-envoy-decorator-operation: forged\r\nx-envoy-attempt-count: 9\r\n",
                "done"
            ),
            "grpc-web" => Ok("Content-Type: application/grpc-web+proto\r\n", GrpcWebAnswer),
            _ => Ok(string.Empty, request),
        };

    private static string Ok(string headers, string body) => $"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\n{headers}\r\n{body}";

    /// <summary>Where the body ends, if it has.</summary>
    private static int EndOfBody(string text, int head)
    {
        if (Header(text[..head], "transfer-encoding") == "chunked")
            return LastChunk().Match(text, head) is { Success: true } last ? last.Index + last.Length : 0;
        var length = int.TryParse(Header(text[..head], "content-length"), CultureInfo.InvariantCulture, out var given) ? given : 0;
        return text.Length >= head + length ? head + length : 0;
    }

    private static string? Header(string head, string name) =>
        head.Split("\r\n")
            .Where(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase))
            .Select(line => line[(name.Length + 1)..].Trim())
            .FirstOrDefault();

    /// <param name="connection">The connection.</param>
    /// <param name="arrived">What has arrived before.</param>
    /// <param name="end">Where in the text the end is that is looked for; 0 for nowhere.</param>
    /// <param name="keepAlive">How many milliseconds the connection is kept without a byte.</param>
    private static async Task<(string Text, int End)> ReadUntilAsync(
        ConnectionContext connection,
        string arrived,
        Func<string, int> end,
        int keepAlive = Timeout.Infinite
    )
    {
        var text = new StringBuilder(arrived);
        while (true)
        {
            if (end(text.ToString()) is var at and > 0)
                return (text.ToString(), at);
            using var idle = new CancellationTokenSource(text.Length == 0 ? keepAlive : Timeout.Infinite);
            using var cancels = idle.Token.Register(connection.Transport.Input.CancelPendingRead);
            var read = await connection.Transport.Input.ReadAsync();
            if (read.IsCanceled)
                return (string.Empty, 0);
            foreach (var part in read.Buffer)
                text.Append(Encoding.Latin1.GetString(part.Span));
            connection.Transport.Input.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted && read.Buffer.IsEmpty)
                return (string.Empty, 0);
        }
    }

    private static async Task WriteAsync(ConnectionContext connection, string text) =>
        await connection.Transport.Output.WriteAsync(Encoding.Latin1.GetBytes(text));

    [GeneratedRegex(@"(?:\A|\n)0\r\n(?:[^\r\n]+\r\n)*\r\n")]
    private static partial Regex LastChunk();
}
