using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using MeshOperator.Testing;

namespace MeshOperator.Benchmarks;

/// <summary><c>meshop run</c> as a process that can be killed and started again at the same port.</summary>
/// <param name="kubeconfig">The kubeconfig of its cluster.</param>
/// <param name="program">The published program; by default the one that was built with this one.</param>
/// <param name="hasWebhooks">Whether it serves webhooks, too.</param>
internal sealed class MeshopRun(string kubeconfig, string? program = null, bool hasWebhooks = false) : IAsyncDisposable
{
    private readonly int _port = FreePort();
    private readonly int _webhookPort = hasWebhooks ? FreePort() : 0;
    private readonly int _metricsPort = FreePort();
    private Process? _process;

    /// <summary>Where proxies find it.</summary>
    public Uri Address => new($"https://localhost:{_port}");

    /// <summary>Where its webhooks are.</summary>
    public Uri Webhooks => new($"https://localhost:{_webhookPort}");

    /// <summary>The CPU that it has taken since it was started.</summary>
    public TimeSpan Cpu
    {
        get
        {
            _process!.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Its memory now, in MiB.</summary>
    public double Memory
    {
        get
        {
            _process!.Refresh();
            return _process.WorkingSet64 / 1048576.0;
        }
    }

    /// <summary>Starts it and waits until it takes connections.</summary>
    public async Task StartAsync()
    {
        string[] command = program is null ? BuiltProgram.Meshop : [program];
        _process = Process.Start(
            command[0],
            [
                .. command[1..],
                "run",
                "--kubeconfig",
                kubeconfig,
                "--namespace",
                LargeCluster.OperatorNamespace,
                "--log-level",
                "Error",
                "--xds-port",
                _port.ToString(CultureInfo.InvariantCulture),
                "--webhook-port",
                _webhookPort.ToString(CultureInfo.InvariantCulture),
                "--metrics-port",
                _metricsPort.ToString(CultureInfo.InvariantCulture),
                "--replica-port",
                "0",
            ]
        );
        await Polling.UntilAsync(
            () => _process.HasExited ? throw new InvalidOperationException("the operator did not start") : IsListeningAsync(),
            () => "the operator did not start"
        );
    }

    /// <summary>Waits until <c>/readyz</c> says that it serves proxies, and returns the instant of that.</summary>
    public async Task<long> UntilReadyAsync()
    {
        using var http = new HttpClient();
        var ready = new Uri($"http://localhost:{_metricsPort}/readyz");
        await Polling.UntilAsync(() => IsOkAsync(http, ready), () => "the operator is not ready");
        return Stopwatch.GetTimestamp();
    }

    /// <summary>Its metrics, in Prometheus' format.</summary>
    public async Task<string> ReadMetricsAsync()
    {
        using var http = new HttpClient();
        return await http.GetStringAsync(new Uri($"http://localhost:{_metricsPort}/metrics"));
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        if (_process is null)
            return;
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _process = null;
    }

    public async ValueTask DisposeAsync() => await KillAsync();

    private async Task<bool> IsListeningAsync()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, _port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static async Task<bool> IsOkAsync(HttpClient http, Uri address)
    {
        try
        {
            using var answer = await http.GetAsync(address);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}

/// <summary>Waits for what takes time.</summary>
internal static class Polling
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(6);
    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits until something is so, at most six minutes.</summary>
    /// <exception cref="TimeoutException">It is not.</exception>
    public static async Task UntilAsync(Func<Task<bool>> isDone, Func<string> failure)
    {
        var began = Stopwatch.GetTimestamp();
        while (!await isDone())
        {
            if (Stopwatch.GetElapsedTime(began) > Patience)
                throw new TimeoutException(failure());
            await Task.Delay(PollEvery, TimeProvider.System);
        }
    }
}
