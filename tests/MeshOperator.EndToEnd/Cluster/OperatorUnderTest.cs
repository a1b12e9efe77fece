using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Testing;

namespace MeshOperator.EndToEnd.Cluster;

/// <summary><c>meshop run</c> as a process of its own, on the pods' network. It reaches the API server, and that its webhooks, by relays,
/// as API servers of tests listen on this machine's loopback only.</summary>
internal sealed partial class OperatorUnderTest : IAsyncDisposable
{
    public const string Namespace = "mesh-system";
    private static readonly TimeSpan ReadyWithin = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan ProbedWithin = TimeSpan.FromSeconds(1);
    private const int WebhookPort = 9443;
    private const int MetricsPort = 8080;
    private const int XdsPort = 15012;
    private readonly PodNetwork _network;
    private readonly TcpRelay _toApiServer;
    private readonly TcpRelay _toWebhooks;
    private readonly string _kubeconfig;
    private readonly List<ChildProcess> _runs = [];
    private PodNetwork _webhooks;

    private OperatorUnderTest(PodNetwork network, TcpRelay toApiServer, TcpRelay toWebhooks, string kubeconfig) =>
        (_network, _toApiServer, _toWebhooks, _kubeconfig, _webhooks) = (network, toApiServer, toWebhooks, kubeconfig, network);

    /// <summary>The program: the one that <c>MESH_TEST_PROGRAM</c> names, published for this machine, or the one that was built with the
    /// tests.</summary>
    private static string[] Program =>
        Environment.GetEnvironmentVariable("MESH_TEST_PROGRAM") is { Length: > 0 } program ? [program] : BuiltProgram.Meshop;

    public IPAddress Address => _network.Address;

    /// <summary>Where the API server reaches the webhooks.</summary>
    public string WebhookUrl => $"https://localhost:{_toWebhooks.Port}";

    /// <summary>What all its runs have logged.</summary>
    public IReadOnlyList<string> Log => [.. _runs.SelectMany(r => r.Lines)];

    public static async Task<OperatorUnderTest> CreateAsync(NodeNetwork node, ClusterConnection cluster, string folder)
    {
        var network = await node.AttachAsync();
        var server = cluster.Client.BaseUri;
        var port = 0;
        var toApiServer = new TcpRelay(
            () =>
            {
                var socket = network.Namespace.Listen(IPAddress.Loopback, port);
                port = ((IPEndPoint)socket.LocalEndPoint!).Port;
                return socket;
            },
            async cancellation =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(server.Host, server.Port, cancellation);
                return socket;
            }
        );
        OperatorUnderTest? made = null;
        var toWebhooks = new TcpRelay(
            () =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                socket.Listen();
                return socket;
            },
            cancellation => made!._webhooks.Namespace.ConnectAsync(new IPEndPoint(IPAddress.Loopback, WebhookPort), cancellation)
        );
        var kubeconfig = Path.Combine(folder, $"kubeconfig-{network.Address}");
        await File.WriteAllTextAsync(kubeconfig, Server().Replace(cluster.Kubeconfig, $"server: https://127.0.0.1:{toApiServer.Port}"));
        return made = new OperatorUnderTest(network, toApiServer, toWebhooks, kubeconfig);
    }

    /// <summary>Starts it and waits until it is ready.</summary>
    public async Task StartAsync()
    {
        _runs.Add(
            await ChildProcess.StartAsync(
                _network.Namespace,
                "exec setpriv --pdeathsig KILL \"$@\"",
                [.. Program, "run", "--kubeconfig", _kubeconfig, "--namespace", Namespace]
            )
        );
        await WaitUntilReadyAsync();
    }

    /// <summary>Leads the API server's webhook calls to a replica, as a Service does to one that is ready.</summary>
    public void LeadWebhooksTo(OperatorUnderTest replica) => _webhooks = replica._network;

    /// <summary>SIGSTOP: it does nothing, and its connections stay open.</summary>
    public void Pause() => _runs[^1].Pause();

    /// <summary>SIGCONT.</summary>
    public void Continue() => _runs[^1].Continue();

    /// <summary>Whether a kubelet would take it for ready.</summary>
    public Task<bool> IsReadyAsync() => AnswersAsync("/readyz");

    /// <summary>Whether it answers at all.</summary>
    public Task<bool> AnswersAsync() => AnswersAsync("/healthz");

    private async Task<bool> AnswersAsync(string path)
    {
        if (_runs.Count == 0 || _runs[^1].HasExited)
            return false;
        try
        {
            await GetAsync(path, ProbedWithin);
            return true;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException or SocketException)
        {
            return false;
        }
    }

    /// <summary>SIGKILL: it has no chance to give anything back.</summary>
    public async Task KillAsync()
    {
        _runs[^1].Kill();
        await _runs[^1].Ended;
    }

    /// <summary>SIGTERM, and its end.</summary>
    public async Task StopAsync()
    {
        _runs[^1].Terminate();
        await _runs[^1].Ended.WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>The API server is away: connections to it end, and new ones are refused.</summary>
    public Task CutFromApiServerAsync() => _toApiServer.CutAsync();

    public void ReconnectToApiServer() => _toApiServer.Restore();

    /// <summary>Puts right what a test that failed has left: the operator runs, and reaches the API server.</summary>
    public async Task RecoverAsync()
    {
        if (_toApiServer.IsCut)
            _toApiServer.Restore();
        if (_runs[^1].HasExited)
            await StartAsync();
    }

    /// <summary>Runs another command of the program where the operator runs, for example <c>ca rotate</c>.</summary>
    public Task<string> RunCommandAsync(params string[] arguments) =>
        Command.RunAsync("nsenter", ["--net=" + _network.Namespace.Path, "--", .. Program, .. arguments, "--kubeconfig", _kubeconfig]);

    /// <summary>What Prometheus reads.</summary>
    public Task<string> MetricsAsync() => GetAsync("/metrics");

    /// <summary>Whether a pod's proxy has a connection to its xDS port.</summary>
    public async Task<bool> ServesAsync(RunningPod pod)
    {
        string[] connections = ["-Htn", "state", "established", "sport", "=", $":{XdsPort}", "dst", $"{pod.Network.Address}"];
        return (await Command.RunAsync("ip", ["netns", "exec", _network.Namespace.Name, "ss", .. connections])).Length > 0;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var run in _runs)
            await run.DisposeAsync();
        await _toApiServer.DisposeAsync();
        await _toWebhooks.DisposeAsync();
        await _network.DisposeAsync();
    }

    private async Task WaitUntilReadyAsync()
    {
        try
        {
            await Eventually.Succeeds(
                async () =>
                {
                    if (!_runs[^1].HasExited)
                        await GetAsync("/readyz");
                },
                ReadyWithin
            );
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"the operator is not ready: {string.Join('\n', _runs[^1].Lines.TakeLast(20))}", e);
        }

        if (_runs[^1].HasExited)
            throw new InvalidOperationException($"the operator ended: {string.Join('\n', _runs[^1].Lines.TakeLast(20))}");
    }

    private async Task<string> GetAsync(string path, TimeSpan? within = null)
    {
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
                new NetworkStream(
                    await _network.Namespace.ConnectAsync(new IPEndPoint(IPAddress.Loopback, MetricsPort), cancellation),
                    ownsSocket: true
                ),
        };
        using var client = new HttpClient(handler) { Timeout = within ?? TimeSpan.FromSeconds(10) };
        return await client.GetStringAsync(new Uri($"http://localhost{path}"));
    }

    [GeneratedRegex(@"server:\s*\S+")]
    private static partial Regex Server();
}
