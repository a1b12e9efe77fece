using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Local.Application;
using MeshOperator.Local.Traffic;
using MeshOperator.Local.Watching;

namespace MeshOperator.Local.Load;

/// <summary>Stands in for callers from outside of the mesh: it calls the ready endpoints of services that ask for it, in plaintext and in
/// turns, as a load balancer in front of the cluster would.</summary>
internal sealed class LoadGenerator : IAsyncDisposable
{
    /// <summary>On a Service: how many requests a second it is sent, for example <c>50/s</c>. It has no effect in a cluster.</summary>
    public const string LoadAnnotation = "local.meshoperator.io/load";

    private const string ServiceNameLabel = "kubernetes.io/service-name";
    private const int MostPerSecond = 1000;
    private const int MostInFlight = 200;
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);
    private readonly SharedInformer<V1Service> _services;
    private readonly SharedInformer<V1EndpointSlice> _slices;
    private readonly TrafficLog _traffic;
    private readonly HttpClient _client;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Dictionary<ObjectKey, Caller> _callers = [];
    private Task? _running;

    /// <summary>Makes a generator; <see cref="Start"/> starts it.</summary>
    public LoadGenerator(KubernetesTransport transport, TrafficLog traffic, ILoggerFactory loggers)
    {
        _traffic = traffic;
        _services = LocalInformers.Create<V1Service>(transport, loggers);
        _slices = LocalInformers.Create<V1EndpointSlice>(transport, loggers);
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            PooledConnectionLifetime = TimeSpan.FromSeconds(30),
        };
        _client = new HttpClient(handler) { Timeout = Limit };
    }

    /// <summary>Starts to call; called again it changes nothing.</summary>
    public void Start() =>
        _running ??= Task.WhenAll(
            Task.Run(() => _services.RunAsync(_stopping.Token)),
            Task.Run(() => _slices.RunAsync(_stopping.Token)),
            Task.Run(() => RunAsync(_stopping.Token))
        );

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await (_running ?? Task.CompletedTask).ContinueWith(
            _ => { },
            CancellationToken.None,
            TaskContinuationOptions.None,
            TaskScheduler.Default
        );
        _client.Dispose();
        _stopping.Dispose();
    }

    /// <summary>How many requests a second an annotation asks for; 0 for none.</summary>
    internal static int ReadRate(string? text) =>
        text is not null
        && text.EndsWith("/s", StringComparison.Ordinal)
        && int.TryParse(text[..^2], System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var rate)
            ? Math.Min(rate, MostPerSecond)
            : 0;

    private async Task RunAsync(CancellationToken cancellation)
    {
        await Task.WhenAll(_services.WaitForSyncAsync(cancellation), _slices.WaitForSyncAsync(cancellation));
        while (true)
        {
            foreach (var (key, service) in _services.Objects)
            {
                var rate = ReadRate(service.Metadata.Annotations?.FirstOrDefault(a => a.Key == LoadAnnotation).Value);
                if (rate > 0 && !_callers.ContainsKey(key))
                    _callers[key] = new Caller(this, key, cancellation);
                if (_callers.TryGetValue(key, out var caller))
                    caller.Rate = rate;
            }

            foreach (var (key, caller) in _callers)
            {
                if (!_services.Objects.ContainsKey(key))
                    caller.Rate = 0;
            }

            await Task.Delay(LookEvery, TimeProvider.System, cancellation);
        }
    }

    /// <summary>The ready endpoints of the first port of a service.</summary>
    private List<IPEndPoint> FindEndpoints(ObjectKey service) =>
        [
            .. _slices
                .Objects.Values.Where(slice =>
                    slice.Metadata.NamespaceProperty == service.Namespace
                    && slice.Metadata.Labels is { } labels
                    && labels.TryGetValue(ServiceNameLabel, out var name)
                    && name == service.Name
                )
                .SelectMany(slice =>
                    (slice.Endpoints ?? [])
                        .Where(endpoint => endpoint.Conditions?.Ready != false)
                        .SelectMany(endpoint => endpoint.Addresses)
                        .Select(address => new IPEndPoint(IPAddress.Parse(address), slice.Ports?.FirstOrDefault()?.Port ?? 0))
                )
                .Where(endpoint => endpoint.Port > 0),
        ];

    private async Task CallAsync(ObjectKey service, IPEndPoint endpoint, CancellationToken cancellation)
    {
        var started = Stopwatch.GetTimestamp();
        var (version, isSuccess, isMutualTls) = (string.Empty, false, false);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{endpoint}/");
            request.Headers.Host = $"{service.Name}.{service.Namespace}";
            using var answer = await _client.SendAsync(request, cancellation);
            isSuccess = answer.IsSuccessStatusCode;
            version = answer.Headers.TryGetValues(StandIn.VersionHeader, out var values) ? values.First() : string.Empty;
            isMutualTls = answer.Headers.TryGetValues(StandIn.MutualTlsHeader, out var mtls) && mtls.First() == "true";
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException or OperationCanceledException)
        {
            // Counted as a failure.
        }

        _traffic.Add(
            new RequestOutcome($"{service.Name}.{service.Namespace}", version, isSuccess, Stopwatch.GetElapsedTime(started), isMutualTls)
        );
    }

    /// <summary>The calls of one service.</summary>
    private sealed class Caller
    {
        private readonly LoadGenerator _generator;
        private readonly ObjectKey _service;
        private int _inFlight;
        private int _next;

        public Caller(LoadGenerator generator, ObjectKey service, CancellationToken cancellation)
        {
            (_generator, _service) = (generator, service);
            _ = Task.Run(() => RunAsync(cancellation), CancellationToken.None);
        }

        public int Rate { get; set; }

        private async Task RunAsync(CancellationToken cancellation)
        {
            try
            {
                while (true)
                {
                    var endpoints = Rate > 0 ? _generator.FindEndpoints(_service) : [];
                    if (endpoints.Count == 0 || Volatile.Read(ref _inFlight) >= MostInFlight)
                    {
                        await Task.Delay(LookEvery, TimeProvider.System, cancellation);
                        continue;
                    }

                    Interlocked.Increment(ref _inFlight);
                    _ = CallAndLeaveAsync(endpoints[_next++ % endpoints.Count], cancellation);
                    await Task.Delay(TimeSpan.FromSeconds(1d / Rate), TimeProvider.System, cancellation);
                }
            }
            catch (OperationCanceledException)
            {
                // The mesh ends.
            }
        }

        private async Task CallAndLeaveAsync(IPEndPoint endpoint, CancellationToken cancellation)
        {
            await _generator.CallAsync(_service, endpoint, cancellation);
            Interlocked.Decrement(ref _inFlight);
        }
    }
}
