using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Envoy.Config.Core.V3;
using Envoy.Config.Endpoint.V3;
using Envoy.Service.Discovery.V3;
using Envoy.Service.LoadStats.V3;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using MeshOperator.Testing;
using MeshOperator.Xds.LoadStats;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Benchmarks;

/// <summary>The delta ADS stream of one sidecar, which comes back as Envoy does with the connection that its bootstrap describes: a stream
/// that ended is begun again after a random part of Envoy's back-off, and waits for a connection, which gRPC's C core tries again with its
/// own (<c>AdsConnection</c> in the injection sets it).</summary>
internal sealed class SimulatedEnvoy(Uri operatorAddress, X509Certificate2Collection roots, string nodeId, string token, Random random)
{
    private const string Types = "type.googleapis.com/envoy.";
    private const string Clusters = Types + "config.cluster.v3.Cluster";
    private const string Secrets = Types + "extensions.transport_sockets.tls.v3.Secret";
    private const double Growth = 1.6;
    private const double Jitter = 0.2;

    /// <summary>Of streams (<c>RetryInitialDelayMs</c> and <c>RetryMaxDelayMs</c> in Envoy).</summary>
    private static readonly TimeSpan FirstStreamWait = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan LongestStreamWait = TimeSpan.FromSeconds(30);

    /// <summary>Of connections, as the bootstrap says.</summary>
    private static readonly TimeSpan FirstConnectionWait = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan LongestConnectionWait = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(1);

    /// <summary>What Envoy asks for at once. All but secrets is the same after a restart; an identity is issued again.</summary>
    private static readonly (string Type, string[] Names)[] Subscriptions =
    [
        (Types + "service.runtime.v3.Runtime", [Api.MeshNames.RuntimeLayer]),
        (Clusters, ["*"]),
        (Types + "config.listener.v3.Listener", ["*"]),
        (Secrets, ["identity", "trust-bundle"]),
    ];

    private static readonly Method<DeltaDiscoveryRequest, DeltaDiscoveryResponse> Method = new(
        MethodType.DuplexStreaming,
        "envoy.service.discovery.v3.AggregatedDiscoveryService",
        "DeltaAggregatedResources",
        Marshallers.Create(request => request.ToByteArray(), DeltaDiscoveryRequest.Parser.ParseFrom),
        Marshallers.Create(response => response.ToByteArray(), DeltaDiscoveryResponse.Parser.ParseFrom)
    );

    private readonly Dictionary<string, Dictionary<string, string>> _versions = [];
    private long _identityAt;

    /// <summary>Whether it takes all that its listeners name, and so acknowledges all that policies become.</summary>
    public bool TakesAll { get; init; }

    /// <summary>Whether it opens a stream of load reports beside, and reports 100 requests of each cluster that it is asked for.</summary>
    public bool Reports { get; init; }

    /// <summary>Called with the name of each resource that arrives.</summary>
    public Action<string>? Received { get; init; }

    /// <summary>The service of which half of the requests that it reports failed; null for none.</summary>
    public string? Failing { get; init; }

    /// <summary>When it last got an identity on a new stream (<see cref="Stopwatch.GetTimestamp"/>); zero while it has none.</summary>
    public long IdentityAt => Volatile.Read(ref _identityAt);

    /// <summary>How often a connection that was made carried no stream to its first answer.</summary>
    public int FailedStreams { get; private set; }

    /// <summary>Forgets that it has an identity.</summary>
    public void Forget() => Volatile.Write(ref _identityAt, 0);

    /// <summary>Comes back until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var wait = FirstStreamWait;
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                using var socket = await ConnectAsync(cancellation);
                var answers = await StreamAsync(socket, cancellation);
                if (answers == 0)
                    FailedStreams++;
                wait =
                    answers > 0 ? FirstStreamWait : TimeSpan.FromSeconds(Math.Min(LongestStreamWait.TotalSeconds, wait.TotalSeconds * 2));
                await Task.Delay(wait * random.NextDouble(), TimeProvider.System, cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
        }
    }

    /// <summary>A wait counts from when the attempt before began.</summary>
    private async Task<Socket> ConnectAsync(CancellationToken cancellation)
    {
        var wait = FirstConnectionWait;
        while (true)
        {
            var began = Stopwatch.GetTimestamp();
            if (await TryConnectAsync(cancellation) is { } socket)
                return socket;
            var next = (wait * (1 + (Jitter * ((2 * random.NextDouble()) - 1)))) - Stopwatch.GetElapsedTime(began);
            if (next > TimeSpan.Zero)
                await Task.Delay(next, TimeProvider.System, cancellation);
            wait = TimeSpan.FromSeconds(Math.Min(LongestConnectionWait.TotalSeconds, wait.TotalSeconds * Growth));
        }
    }

    private async Task<Socket?> TryConnectAsync(CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        timeout.CancelAfter(ConnectTimeout);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, operatorAddress.Port, timeout.Token);
            return socket;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            socket.Dispose();
            return null;
        }
    }

    /// <summary>Subscribes and acknowledges until the stream ends.</summary>
    /// <returns>How many answers came.</returns>
    private async Task<int> StreamAsync(Socket socket, CancellationToken cancellation)
    {
        var (answers, asked) = (0, new HashSet<(string Type, string Name)>());
        using var channel = Channel(socket);
        var headers = new Grpc.Core.Metadata { { "authorization", $"Bearer {token}" } };
        using var call = channel
            .CreateCallInvoker()
            .AsyncDuplexStreamingCall(Method, null, new CallOptions(headers, cancellationToken: cancellation));
        // Where this stream is refused, that of the reports would keep the connection.
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var reporting = Reports ? ReportAsync(channel, headers, ends.Token) : Task.CompletedTask;
        try
        {
            foreach (var request in Requests())
                await call.RequestStream.WriteAsync(request, cancellation);
            while (await call.ResponseStream.MoveNext(cancellation))
            {
                answers++;
                var response = call.ResponseStream.Current;
                Note(response);
                var acknowledged = new DeltaDiscoveryRequest { TypeUrl = response.TypeUrl, ResponseNonce = response.Nonce };
                await call.RequestStream.WriteAsync(acknowledged, cancellation);
                foreach (var request in TakesAll ? Further(response, asked) : [])
                    await call.RequestStream.WriteAsync(request, cancellation);
            }
        }
        catch (Exception e) when (e is RpcException or IOException or InvalidOperationException)
        {
            // The operator is gone, or this is to end.
        }

        call.Dispose();
        await ends.CancelAsync();
        await reporting;
        return answers;
    }

    /// <summary>Reports loads as often as it is asked to, until the connection ends.</summary>
    private async Task ReportAsync(GrpcChannel channel, Grpc.Core.Metadata headers, CancellationToken cancellation)
    {
        try
        {
            using var call = channel
                .CreateCallInvoker()
                .AsyncDuplexStreamingCall(LoadStatsMethods.Stream, null, new CallOptions(headers, cancellationToken: cancellation));
            await call.RequestStream.WriteAsync(new LoadStatsRequest { Node = new Node { Id = nodeId } }, cancellation);
            while (await call.ResponseStream.MoveNext(cancellation))
            {
                while (call.ResponseStream.Current is { Clusters.Count: > 0 } asked)
                {
                    await Task.Delay(asked.LoadReportingInterval.ToTimeSpan(), TimeProvider.System, cancellation);
                    await call.RequestStream.WriteAsync(Report(asked, Failing), cancellation);
                }
            }
        }
        catch (Exception e) when (e is RpcException or IOException or InvalidOperationException or OperationCanceledException)
        {
            // The operator is gone, or this is to end.
        }
    }

    private static LoadStatsRequest Report(LoadStatsResponse asked, string? failing)
    {
        var report = new LoadStatsRequest();
        foreach (var cluster in asked.Clusters)
        {
            var fails = failing is not null && cluster.Contains($"/{failing}.", StringComparison.Ordinal);
            var zone = new UpstreamLocalityStats { TotalSuccessfulRequests = fails ? 50u : 100u, TotalErrorRequests = fails ? 50u : 0 };
            report.ClusterStats.Add(new ClusterStats { ClusterName = cluster, UpstreamLocalityStats = { zone } });
        }

        return report;
    }

    private GrpcChannel Channel(Socket socket)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(roots);
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = (_, _) => ValueTask.FromResult<Stream>(new NetworkStream(socket)),
            SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy },
        };
        return GrpcChannel.ForAddress(
            operatorAddress,
            new GrpcChannelOptions
            {
                HttpHandler = handler,
                DisposeHttpClient = true,
                MaxReceiveMessageSize = null,
            }
        );
    }

    /// <summary>The first requests of a stream. Only the very first has the node, and all name what is left of an earlier stream.</summary>
    private IEnumerable<DeltaDiscoveryRequest> Requests()
    {
        foreach (var (index, (type, names)) in Subscriptions.Index())
        {
            var request = new DeltaDiscoveryRequest { TypeUrl = type, ResourceNamesSubscribe = { names } };
            if (index == 0)
                request.Node = new Node { Id = nodeId, UserAgentName = "envoy" };
            if (type != Secrets)
                request.InitialResourceVersions.Add(_versions.GetValueOrDefault(type) ?? []);
            yield return request;
        }
    }

    /// <summary>The requests for what new listeners name.</summary>
    private static IEnumerable<DeltaDiscoveryRequest> Further(DeltaDiscoveryResponse response, HashSet<(string Type, string Name)> asked)
    {
        if (response.TypeUrl != ResourceType.Listener.Url())
            yield break;
        foreach (var resource in response.Resources)
        {
            foreach (var (type, names) in NamedResources.Find(Envoy.Config.Listener.V3.Listener.Parser.ParseFrom(resource.Resource_.Value)))
            {
                string[] news = [.. names.Where(name => asked.Add((type.Url(), name)))];
                if (news.Length > 0)
                    yield return new DeltaDiscoveryRequest { TypeUrl = type.Url(), ResourceNamesSubscribe = { news } };
            }
        }
    }

    private void Note(DeltaDiscoveryResponse response)
    {
        if (!_versions.TryGetValue(response.TypeUrl, out var versions))
            versions = _versions[response.TypeUrl] = [];
        foreach (var resource in response.Resources)
        {
            versions[resource.Name] = resource.Version;
            Received?.Invoke(resource.Name);
        }

        foreach (var name in response.RemovedResources)
            versions.Remove(name);
        if (response.TypeUrl == Secrets && response.Resources.Any(r => r.Name == "identity"))
            Volatile.Write(ref _identityAt, Stopwatch.GetTimestamp());
    }
}
