using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace MeshOperator.Testing;

/// <summary>An HTTP server on loopback that answers one request a connection as a test says, and remembers what it was asked.</summary>
internal sealed class SmallServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _requests = new();
    private readonly Func<string, string> _answer;
    private readonly SslServerAuthenticationOptions? _tls;
    private readonly Task _serving;

    /// <summary>Starts it.</summary>
    /// <param name="answer">Makes the response of a request, both with their heads; an empty one is never sent.</param>
    /// <param name="tls">How it speaks TLS; null for plaintext.</param>
    public SmallServer(Func<string, string> answer, SslServerAuthenticationOptions? tls = null)
    {
        (_answer, _tls) = (answer, tls);
        _listener.Start();
        _serving = ServeAsync();
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint Address => (IPEndPoint)_listener.LocalEndpoint;

    /// <summary>Its URL.</summary>
    public string Url => $"http://{Address}";

    /// <summary>All requests up to now.</summary>
    public IReadOnlyCollection<string> Requests => _requests;

    /// <summary>A response.</summary>
    public static string Respond(int status, string body = "", string headers = "") =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"HTTP/1.1 {status} -\r\ncontent-length: {Encoding.UTF8.GetByteCount(body)}\r\nconnection: close\r\n{headers}\r\n{body}"
        );

    /// <summary>A response of Prometheus with one sample.</summary>
    public static string RespondSample(string value) =>
        Respond(200, $$$"""{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"{{{value}}}"]}]}}""");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _serving;
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
                connections.Add(AnswerAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or InvalidOperationException)
        {
            // It is stopped: before it waits, or while it does.
            await Task.WhenAll(connections);
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        try
        {
            using (client)
            {
                await using var stream = await OpenAsync(client);
                var request = await ReadAsync(stream);
                _requests.Enqueue(request);
                var response = _answer(request);
                if (response.Length == 0)
                    await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, _stop.Token);
                await stream.WriteAsync(Encoding.UTF8.GetBytes(response), _stop.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or System.Security.Authentication.AuthenticationException)
        {
            // The caller has left, or was refused.
        }
    }

    private async Task<Stream> OpenAsync(TcpClient client)
    {
        if (_tls is null)
            return client.GetStream();
        var tls = new SslStream(client.GetStream());
        await tls.AuthenticateAsServerAsync(_tls, _stop.Token);
        return tls;
    }

    private async Task<string> ReadAsync(Stream stream)
    {
        var text = new StringBuilder();
        var buffer = new byte[8192];
        while (!IsComplete(text.ToString()))
        {
            var length = await stream.ReadAsync(buffer, _stop.Token);
            if (length == 0)
                throw new IOException("the request ended early");
            text.Append(Encoding.UTF8.GetString(buffer, 0, length));
        }

        return text.ToString();
    }

    private static bool IsComplete(string text)
    {
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0)
            return false;
        var length = text[..end]
            .Split("\r\n")
            .Select(line => line.Split(": "))
            .Where(header => header[0].Equals("content-length", StringComparison.OrdinalIgnoreCase))
            .Select(header => int.Parse(header[1], CultureInfo.InvariantCulture))
            .FirstOrDefault();
        return Encoding.UTF8.GetByteCount(text[(end + 4)..]) >= length;
    }
}
