using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Envoy.Config.Listener.V3;
using Envoy.Service.Discovery.V3;
using Grpc.Core;
using Grpc.Net.Client;
using k8s;
using k8s.Models;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;

namespace MeshOperator.EndToEnd.Clients;

/// <summary>Many pods whose proxies only hold a stream: they connect to the operator's Service over TLS with their tokens, acknowledge all
/// that they are sent, and connect again as Envoy does.</summary>
internal sealed class SimulatedProxies : IAsyncDisposable
{
    /// <summary>The operator takes 64 streams from one address.</summary>
    private const int PerNetwork = 50;

    private const int PodsAtOnce = 8;
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(5);
    private readonly TestMesh _mesh;
    private readonly string _namespace;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentQueue<TimeSpan> _gaps = new();
    private readonly List<PodNetwork> _networks = [];
    private readonly List<Task> _running = [];
    private int _connected;

    private SimulatedProxies(TestMesh mesh, string ns) => (_mesh, _namespace) = (mesh, ns);

    public int Count => _running.Count;

    /// <summary>How many have a stream.</summary>
    public int Connected => Volatile.Read(ref _connected);

    /// <summary>How long each was without a stream, from its end until the first answer on the next.</summary>
    public IReadOnlyList<TimeSpan> Gaps => [.. _gaps];

    /// <summary>Makes the pods, in a namespace of their own, and connects them.</summary>
    /// <param name="mesh">The suite's mesh.</param>
    /// <param name="count">How many.</param>
    public static async Task<SimulatedProxies> StartAsync(TestMesh mesh, int count)
    {
        var proxies = new SimulatedProxies(mesh, mesh.UniqueName("crowd"));
        await mesh.ApplyAsync($"{{apiVersion: v1, kind: Namespace, metadata: {{name: {proxies._namespace}}}}}");
        await Eventually.Succeeds(async () =>
        {
            if (
                await mesh.Entities<V1ServiceAccount>().GetAsync(new ObjectKey(proxies._namespace, "default"), CancellationToken.None)
                is null
            )
                throw new InvalidOperationException("the default service account is not there");
        });
        while (proxies._networks.Count * PerNetwork < count)
            proxies._networks.Add(await mesh.AttachAsync());
        var tokens = new string[count];
        await Parallel.ForEachAsync(
            Enumerable.Range(0, count),
            new ParallelOptions { MaxDegreeOfParallelism = PodsAtOnce },
            async (i, _) => tokens[i] = await proxies.PodAsync(Name(i))
        );
        for (var i = 0; i < count; i++)
        {
            var (pod, token, network, random) = (Name(i), tokens[i], proxies._networks[i / PerNetwork], new Random(i));
            proxies._running.Add(Task.Run(() => proxies.RunAsync(pod, token, network.Namespace, random)));
        }

        await proxies.AreConnectedAsync(TimeSpan.FromSeconds(60));
        proxies._gaps.Clear();
        return proxies;
    }

    /// <summary>Waits until all have a stream.</summary>
    public Task AreConnectedAsync(TimeSpan within) =>
        Eventually.Succeeds(
            () =>
            {
                if (Connected != Count)
                    throw new TimeoutException($"{Connected} of {Count} simulated proxies are connected");
            },
            within
        );

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_running);
        _stopping.Dispose();
        foreach (var pod in await _mesh.Entities<V1Pod>().ListAsync(CancellationToken.None))
        {
            if (pod.Metadata.NamespaceProperty == _namespace)
                await _mesh.Entities<V1Pod>().DeleteAsync(ObjectKey.From(pod), CancellationToken.None);
        }

        await _mesh.Entities<V1Namespace>().DeleteAsync(new ObjectKey(string.Empty, _namespace), CancellationToken.None);
        foreach (var network in _networks)
            await network.DisposeAsync();
    }

    private static string Name(int number) => string.Create(CultureInfo.InvariantCulture, $"crowd-{number}");

    /// <summary>Makes a pod that looks as the injector leaves it and runs by its status, and gives its token.</summary>
    private async Task<string> PodAsync(string name)
    {
        await _mesh.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: {{name}}, namespace: {{_namespace}}, labels: {meshoperator.io/proxy: envoy} }
            spec:
              containers: [{name: app, image: app}, {name: {{Injection.SidecarInjector.ContainerName}}, image: envoy}]
            """
        );
        var status = (JsonObject)
            JsonNode.Parse(
                $$$"""
                {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{
                  "name": "{{{Injection.SidecarInjector.ContainerName}}}", "image": "envoy", "imageID": "envoy",
                  "ready": true, "restartCount": 0,
                  "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"} } }]} }
                """
            )!;
        var pod = await _mesh.Cluster.Client.CoreV1.PatchNamespacedPodStatusAsync(
            new V1Patch(status.ToJsonString(), V1Patch.PatchType.MergePatch),
            name,
            _namespace
        );
        return await PodToken.IssueAsync(_mesh.Cluster.Client, pod);
    }

    private async Task RunAsync(string pod, string token, NetworkNamespace network, Random random)
    {
        var (retry, lost) = (FirstRetry, default(long?));
        while (!_stopping.IsCancellationRequested)
        {
            var isConnected = false;
            try
            {
                await using var stream = new DeltaClient(Channel(network), $"{pod}.{_namespace}", token, "envoy");
                await stream.SubscribeAsync(ResourceType.Cluster);
                await stream.SubscribeAsync(ResourceType.Listener);
                var asked = new HashSet<(ResourceType Type, string Name)>();
                while (await stream.ReadAsync(_stopping.Token) is { } response)
                {
                    if (!isConnected)
                    {
                        isConnected = true;
                        retry = FirstRetry;
                        Interlocked.Increment(ref _connected);
                        if (lost is { } since)
                            _gaps.Enqueue(Stopwatch.GetElapsedTime(since));
                    }

                    await stream.AcknowledgeAsync(response);
                    await TakeNamedAsync(stream, response, asked);
                }
            }
            catch (Exception e) when (e is RpcException or InvalidOperationException or HttpRequestException or IOException)
            {
                // The stream has ended, or could not be opened.
            }

            if (isConnected)
            {
                Interlocked.Decrement(ref _connected);
                lost = Stopwatch.GetTimestamp();
            }

            // As Envoy: at random up to a bound that doubles.
            await Task.Delay(retry * random.NextDouble(), TimeProvider.System, _stopping.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            retry = retry * 2 < LongestRetry ? retry * 2 : LongestRetry;
        }
    }

    /// <summary>Asks for what new listeners name.</summary>
    private static async Task TakeNamedAsync(
        DeltaClient stream,
        DeltaDiscoveryResponse response,
        HashSet<(ResourceType Type, string Name)> asked
    )
    {
        if (response.TypeUrl != ResourceType.Listener.Url())
            return;
        foreach (var resource in response.Resources)
        {
            foreach (var (type, names) in NamedResources.Find(Listener.Parser.ParseFrom(resource.Resource_.Value)))
            {
                string[] news = [.. names.Where(name => asked.Add((type, name)))];
                if (news.Length > 0)
                    await stream.SubscribeAsync(type, news);
            }
        }
    }

    private GrpcChannel Channel(NetworkNamespace network)
    {
        var address = _mesh.View.Services.Objects[new ObjectKey(OperatorUnderTest.Namespace, "mesh-operator")].Spec.ClusterIP;
        var operators = new IPEndPoint(IPAddress.Parse(address), 15012);
        var roots = new X509Certificate2Collection();
        roots.ImportFromPem(
            _mesh.View.TrustBundles.Objects[new ObjectKey(OperatorUnderTest.Namespace, Api.MeshNames.TrustBundleConfigMap)].Data["ca.crt"]
        );
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(roots);
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(3),
            ConnectCallback = async (_, cancellation) =>
                new NetworkStream(await network.ConnectAsync(operators, cancellation), ownsSocket: true),
            SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy },
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(10),
        };
        return GrpcChannel.ForAddress(
            $"https://mesh-operator.{OperatorUnderTest.Namespace}.svc:15012",
            new GrpcChannelOptions { HttpHandler = handler, DisposeHttpClient = true }
        );
    }
}
