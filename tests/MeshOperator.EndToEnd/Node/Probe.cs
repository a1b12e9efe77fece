using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using k8s.Models;

namespace MeshOperator.EndToEnd.Node;

/// <summary>A probe or hook as a kubelet makes it: from the node, to the pod's address, over a connection of its own.</summary>
internal sealed class Probe(NetworkNamespace node, IPAddress pod)
{
    /// <summary>How often a container is asked that was never ready: sooner than its period says, so that tests start sooner.</summary>
    private static readonly TimeSpan UntilReady = TimeSpan.FromMilliseconds(100);

    /// <summary>The pause between two probes.</summary>
    public static TimeSpan Pause(V1Probe probe, bool wasReady) =>
        wasReady ? TimeSpan.FromSeconds(Math.Max(1, probe.PeriodSeconds ?? 10)) : UntilReady;

    /// <summary>Whether one attempt succeeds. What the stand-in does not know, such as commands, succeeds.</summary>
    public async Task<bool> AskAsync(V1Container container, V1Probe probe)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(Math.Max(1, probe.TimeoutSeconds ?? 1)));
        try
        {
            if (probe.HttpGet is { } http)
                return await GetAsync(container, http, timeout.Token) is >= 200 and < 400;
            if (probe.TcpSocket is { } tcp)
                (await ConnectAsync(FindPort(container, tcp.Port), timeout.Token)).Dispose();
            return true;
        }
        catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Runs a <c>preStop</c> hook to its end or until its time is over; a hook that fails holds nothing up.</summary>
    public async Task RunAsync(V1Container container, V1LifecycleHandler? hook, CancellationToken cancellation)
    {
        if (hook is null)
            return;
        var clock = Stopwatch.StartNew();
        try
        {
            if (hook.Sleep is { } sleep)
                await Task.Delay(TimeSpan.FromSeconds(sleep.Seconds), TimeProvider.System, cancellation);
            else if (hook.HttpGet is { } http)
                await GetAsync(container, http, cancellation);
            else if (hook.Exec?.Command is [var program, var seconds] && program.EndsWith("sleep", StringComparison.Ordinal))
                await Task.Delay(
                    TimeSpan.FromSeconds(double.Parse(seconds, CultureInfo.InvariantCulture)),
                    TimeProvider.System,
                    cancellation
                );
        }
        catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync($"preStop of {container.Name} after {clock.Elapsed.TotalSeconds:0.0} s: {e.Message}");
        }
    }

    private async Task<int> GetAsync(V1Container container, V1HTTPGetAction action, CancellationToken cancellation)
    {
        using var socket = await ConnectAsync(FindPort(container, action.Port), cancellation);
        var path = string.IsNullOrEmpty(action.Path) ? "/" : action.Path;
        var request = $"GET {path} HTTP/1.1\r\nHost: {pod}\r\nUser-Agent: kube-probe/1.36\r\nAccept: */*\r\nConnection: close\r\n\r\n";
        await socket.SendAsync(Encoding.ASCII.GetBytes(request), cancellation);
        var buffer = new byte[256];
        var length = 0;
        while (length < 12)
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(length), cancellation);
            if (read == 0)
                return 0;
            length += read;
        }

        return int.TryParse(Encoding.ASCII.GetString(buffer, 9, 3), out var status) ? status : 0;
    }

    private ValueTask<Socket> ConnectAsync(int port, CancellationToken cancellation) =>
        node.ConnectAsync(new IPEndPoint(pod, port), cancellation);

    private static int FindPort(V1Container container, IntOrString port) =>
        int.TryParse(port.Value, out var number)
            ? number
            : container.Ports?.FirstOrDefault(p => p.Name == port.Value)?.ContainerPort
                ?? throw new IOException($"there is no port {port.Value}");
}
