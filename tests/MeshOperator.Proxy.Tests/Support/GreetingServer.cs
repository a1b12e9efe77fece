using System.Net;
using System.Net.Sockets;

namespace MeshOperator.Proxy.Tests.Support;

/// <summary>Says hello before its client has said anything, and then repeats what it says.</summary>
internal sealed class GreetingServer : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _accepting;

    public GreetingServer(string address)
    {
        _listener = new TcpListener(IPAddress.Parse(address), 8080);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_stopping.Token));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException)
        {
            // It was stopped.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                await stream.WriteAsync("hello, "u8.ToArray(), _stopping.Token);
                await stream.CopyToAsync(stream, _stopping.Token);
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException)
            {
                // The client has gone.
            }
        }
    }
}
