using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.LocalCluster;

namespace MeshOperator.Benchmarks;

/// <summary>How soon the streams of many sidecars are back after <c>meshop run</c> was killed and, some time later, started again. Each is
/// back when the operator has issued its identity again.</summary>
internal sealed class Reconnection : IAsyncDisposable
{
    private const int Endpoints = 10;
    private const int Seed = 18;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(20);
    private readonly ApiServer _server;
    private readonly k8s.Kubernetes _client;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("meshop-reconnect-");
    private readonly int _port = FreePort();
    private Process? _operator;

    private Reconnection(ApiServer server, k8s.Kubernetes client) => (_server, _client) = (server, client);

    private string Kubeconfig => Path.Combine(_folder.FullName, "kubeconfig");

    /// <summary>Prints how long it took after each outage.</summary>
    /// <param name="streams">How many sidecars.</param>
    /// <param name="outages">How long the operator is gone each time, in seconds.</param>
    public static async Task MeasureAsync(int streams, params int[] outages)
    {
        var server = await ApiServer.StartAsync(new LocalClusterOptions { WorkloadControllers = false });
        using var kubeconfig = new MemoryStream(Encoding.UTF8.GetBytes(server.Kubeconfig));
        var client = new k8s.Kubernetes(await KubernetesClientConfiguration.BuildConfigFromConfigFileAsync(kubeconfig));
        await using var mesh = new Reconnection(server, client);
        await LargeCluster.FillAsync(client, (streams + Endpoints - 1) / Endpoints, Endpoints);
        await File.WriteAllTextAsync(mesh.Kubeconfig, server.Kubeconfig);
        await mesh.StartAsync();
        var proxies = await mesh.ProxiesAsync(streams);
        using var end = new CancellationTokenSource();
        var running = proxies.ConvertAll(proxy => Task.Run(() => proxy.RunAsync(end.Token)));
        await UntilBackAsync(proxies);
        foreach (var outage in outages)
            await mesh.MeasureAsync(proxies, TimeSpan.FromSeconds(outage));
        await end.CancelAsync();
        await Task.WhenAll(running);
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _client.Dispose();
        await _server.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private async Task MeasureAsync(List<SimulatedEnvoy> proxies, TimeSpan outage)
    {
        var failed = proxies.Sum(proxy => proxy.FailedStreams);
        await KillAsync();
        foreach (var proxy in proxies)
            proxy.Forget();
        await Task.Delay(outage, TimeProvider.System);
        var started = Stopwatch.GetTimestamp();
        await StartAsync();
        var listens = Stopwatch.GetTimestamp();
        await UntilBackAsync(proxies);
        var seconds = proxies.Select(proxy => Stopwatch.GetElapsedTime(listens, proxy.IdentityAt).TotalSeconds).Order().ToList();
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"outage of {outage.TotalSeconds} s and {Stopwatch.GetElapsedTime(started, listens).TotalSeconds:0.0} s of start: "
                    + $"{seconds.Count} streams are back after it listens: median {Share(seconds, 0.5):0.00} s, "
                    + $"p99 {Share(seconds, 0.99):0.00} s, the last {seconds[^1]:0.00} s; "
                    + $"most in a tenth of a second {Busiest(seconds)}; streams that failed "
                    + $"{proxies.Sum(proxy => proxy.FailedStreams) - failed}; "
                    + $"CPU of the operator {_operator!.TotalProcessorTime.TotalSeconds:0.0} s"
            )
        );
    }

    private static double Share(List<double> ordered, double share) => ordered[(int)Math.Ceiling(share * ordered.Count) - 1];

    private static int Busiest(List<double> seconds) => seconds.CountBy(s => (int)Math.Floor(s * 10)).Max(tenth => tenth.Value);

    private static Task UntilBackAsync(List<SimulatedEnvoy> proxies) =>
        PollAsync(
            () => Task.FromResult(proxies.TrueForAll(proxy => proxy.IdentityAt != 0)),
            () => $"{proxies.Count(proxy => proxy.IdentityAt == 0)} of {proxies.Count} streams are not back after {Patience}"
        );

    private static async Task PollAsync(Func<Task<bool>> isDone, Func<string> failure)
    {
        var began = Stopwatch.GetTimestamp();
        while (!await isDone())
        {
            if (Stopwatch.GetElapsedTime(began) > Patience)
                throw new TimeoutException(failure());
            await Task.Delay(PollEvery, TimeProvider.System);
        }
    }

    /// <summary>Starts the operator and waits until it takes connections.</summary>
    private async Task StartAsync()
    {
        _operator = Process.Start(
            Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet",
            [
                Path.Combine(AppContext.BaseDirectory, "meshop.dll"),
                "run",
                "--kubeconfig",
                Kubeconfig,
                "--namespace",
                LargeCluster.OperatorNamespace,
                "--log-level",
                "Warning",
                "--xds-port",
                _port.ToString(CultureInfo.InvariantCulture),
                "--webhook-port",
                "0",
                "--metrics-port",
                "0",
                "--replica-port",
                "0",
            ]
        );
        await PollAsync(
            () => _operator.HasExited ? throw new InvalidOperationException("the operator did not start") : IsListeningAsync(),
            () => "the operator did not start"
        );
    }

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

    private async Task KillAsync()
    {
        if (_operator is null)
            return;
        _operator.Kill();
        await _operator.WaitForExitAsync();
        _operator.Dispose();
        _operator = null;
    }

    private async Task<List<SimulatedEnvoy>> ProxiesAsync(int count)
    {
        var roots = await RootsAsync();
        var pods = (await _client.CoreV1.ListNamespacedPodAsync(LargeCluster.Namespace)).Items.Take(count).ToList();
        var proxies = new List<SimulatedEnvoy>();
        foreach (var (index, pod) in pods.Index())
        {
            proxies.Add(
                new SimulatedEnvoy(
                    new Uri($"https://localhost:{_port}"),
                    roots,
                    $"{pod.Metadata.Name}.{LargeCluster.Namespace}",
                    await TokenAsync(pod),
                    new Random(Seed + index)
                )
            );
        }

        return proxies;
    }

    private async Task<X509Certificate2Collection> RootsAsync()
    {
        V1ConfigMap? bundle = null;
        await PollAsync(
            async () =>
            {
                var maps = await _client.CoreV1.ListNamespacedConfigMapAsync(LargeCluster.Namespace);
                bundle = maps.Items.FirstOrDefault(map => map.Metadata.Name == MeshNames.TrustBundleConfigMap);
                return bundle is not null;
            },
            () => "the namespace has no trust bundle"
        );
        var roots = new X509Certificate2Collection();
        roots.ImportFromPem(bundle!.Data[MeshNames.CaCertificateKey]);
        return roots;
    }

    private async Task<string> TokenAsync(V1Pod pod)
    {
        var request = new Authenticationv1TokenRequest
        {
            Spec = new V1TokenRequestSpec
            {
                Audiences = ["meshoperator.io"],
                BoundObjectRef = new V1BoundObjectReference
                {
                    ApiVersion = "v1",
                    Kind = "Pod",
                    Name = pod.Metadata.Name,
                    Uid = pod.Metadata.Uid,
                },
            },
        };
        var account = pod.Spec.ServiceAccountName ?? "default";
        return (await _client.CoreV1.CreateNamespacedServiceAccountTokenAsync(request, account, LargeCluster.Namespace)).Status.Token;
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
