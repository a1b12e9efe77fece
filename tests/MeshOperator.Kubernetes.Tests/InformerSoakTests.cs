using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace MeshOperator.Kubernetes.Tests;

/// <summary>Random changes while the wire fails at random. <c>MESH_TEST_SOAK_SECONDS</c> makes it longer, <c>MESH_TEST_SEED</c> repeats a
/// run.</summary>
public sealed class InformerSoakTests(EmbeddedApiServer server)
{
    private const int Names = 200;

    [Fact]
    public async Task Whatever_fails_on_the_way_copy_and_followers_end_equal_to_the_cluster()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var seed = int.Parse(
            Environment.GetEnvironmentVariable("MESH_TEST_SEED") ?? Environment.TickCount.ToString(CultureInfo.InvariantCulture),
            CultureInfo.InvariantCulture
        );
        var duration = TimeSpan.FromSeconds(
            int.Parse(Environment.GetEnvironmentVariable("MESH_TEST_SOAK_SECONDS") ?? "6", CultureInfo.InvariantCulture)
        );
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var ns = await server.NamespaceAsync();
        var wire = new FaultyWire(new Random(seed + 1));
        using var faulty = server.Client(wire);
        using var sound = server.Client();
        var maps = new EntityClient<V1ConfigMap>(new KubernetesTransport(sound, TimeProvider.System));
        var transport = new KubernetesTransport(
            faulty,
            TimeProvider.System,
            new KubernetesTransportOptions
            {
                MaxRetries = 1,
                RetryDelay = TimeSpan.FromMilliseconds(5),
                BreakDuration = TimeSpan.FromMilliseconds(500),
            }
        );
        var informer = new SharedInformer<V1ConfigMap>(
            transport,
            new InformerOptions<V1ConfigMap>
            {
                Namespace = ns,
                PageSize = 20,
                LongestSilence = TimeSpan.FromSeconds(1),
            },
            TimeProvider.System,
            new Random(seed + 2),
            NullLogger<SharedInformer<V1ConfigMap>>.Instance
        );

        // Who only hears of changes must know what the copy knows.
        var reported = new ConcurrentDictionary<ObjectKey, string>();
        informer.Changed += change =>
        {
            reported.TryGetValue(change.Key, out var known);
            known.ShouldBe(change.Old?.Metadata.ResourceVersion);
            if (change.New is null)
                reported.TryRemove(change.Key, out _);
            else
                reported[change.Key] = change.New.Metadata.ResourceVersion;
        };
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var run = informer.RunAsync(stop.Token);

        var started = TimeProvider.System.GetTimestamp();
        var changes = 0;
        while (TimeProvider.System.GetElapsedTime(started) < duration)
        {
            await ChangeAsync(maps, new ObjectKey(ns, $"map-{random.Next(Names)}"), random, cancellation);
            changes++;
        }

        wire.IsSound = true;
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{changes} changes, faults: {string.Join(", ", wire.Faults.OrderBy(f => f.Key).Select(f => $"{f.Key} {f.Value}"))}"
        );
        var cluster = (await maps.ListAsync(cancellation))
            .Where(m => m.Metadata.NamespaceProperty == ns)
            .ToDictionary(ObjectKey.From, m => m.Metadata.ResourceVersion);
        // After many failures in a row the informer pauses for up to half a minute.
        await Eventually.Succeeds(
            () => informer.Objects.ToDictionary(o => o.Key, o => o.Value.Metadata.ResourceVersion).ShouldBe(cluster, ignoreOrder: true),
            TimeSpan.FromSeconds(75)
        );
        await Eventually.Succeeds(() => reported.ToDictionary().ShouldBe(cluster, ignoreOrder: true));
        wire.Faults.ShouldNotBeEmpty();

        await stop.CancelAsync();
        await run;
    }

    private static async Task ChangeAsync(EntityClient<V1ConfigMap> maps, ObjectKey key, Random random, CancellationToken cancellation)
    {
        var map = new V1ConfigMap
        {
            Metadata = new V1ObjectMeta { Name = key.Name, NamespaceProperty = key.Namespace },
            Data = new Dictionary<string, string> { ["v"] = $"{random.Next(10)}", ["n"] = $"{random.Next()}" },
        };
        try
        {
            switch (random.Next(3))
            {
                case 0:
                    await maps.DeleteAsync(key, cancellation);
                    break;
                case 1:
                    await maps.CreateAsync(map, cancellation);
                    break;
                default:
                    await maps.ReplaceAsync(map, cancellation);
                    break;
            }
        }
        catch (KubernetesApiException e) when (e.StatusCode is HttpStatusCode.Conflict or HttpStatusCode.NotFound) { }
    }

    /// <summary>Fails requests, and cuts, repeats, delays and garbles watches.</summary>
    private sealed class FaultyWire(Random random) : DelegatingHandler
    {
        private readonly Lock _lock = new();

        public volatile bool IsSound;

        public ConcurrentDictionary<string, int> Faults { get; } = new();

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var isWatch = request.RequestUri!.Query.Contains("watch=1", StringComparison.Ordinal);
            switch (IsSound ? 99 : Next(isWatch ? 8 : 20))
            {
                case 0:
                    throw new HttpRequestException(HttpRequestError.ResponseEnded, Fault("cut"));
                case 1:
                    return Status(HttpStatusCode.Gone, "Expired", Fault("410"));
                case 2:
                    return Status(HttpStatusCode.InternalServerError, "InternalError", Fault("500"));
                case 3:
                    var busy = Status(HttpStatusCode.TooManyRequests, "TooManyRequests", Fault("429"));
                    busy.Headers.RetryAfter = new System.Net.Http.Headers.RetryConditionHeaderValue(TimeSpan.FromSeconds(1));
                    return busy;
            }

            var response = await base.SendAsync(request, cancellationToken);
            if (isWatch && response.IsSuccessStatusCode)
                response.Content = new StreamContent(new FaultyStream(this, await response.Content.ReadAsStreamAsync(cancellationToken)));
            return response;
        }

        private int Next(int bound)
        {
            lock (_lock)
                return random.Next(bound);
        }

        private string Fault(string name)
        {
            Faults.AddOrUpdate(name, 1, (_, count) => count + 1);
            return name;
        }

        private static HttpResponseMessage Status(HttpStatusCode code, string reason, string message) =>
            new(code)
            {
                Content = new StringContent(
                    $$"""{"kind":"Status","code":{{(int)code}},"reason":"{{reason}}","message":"{{message}}"}""",
                    Encoding.UTF8,
                    "application/json"
                ),
            };

        private sealed class FaultyStream(FaultyWire wire, Stream inner) : ForwardStream
        {
            private readonly StreamReader _lines = new(inner);
            private readonly List<string> _past = [];
            private ReadOnlyMemory<byte> _rest;

            public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
            {
                if (_rest.IsEmpty)
                {
                    if (await _lines.ReadLineAsync(cancellationToken) is not { } line)
                        return 0;
                    var text = line + "\n";
                    switch (wire.IsSound ? 99 : wire.Next(400))
                    {
                        case 0:
                            wire.Fault("end");
                            return 0;
                        case 1:
                            wire.Fault("broken");
                            throw new IOException("the connection broke");
                        case 2:
                            wire.Fault("silence");
                            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
                            break;
                        case 3:
                            wire.Fault("garbage");
                            text = line[..(line.Length / 2)] + "\n";
                            break;
                        case 4:
                            wire.Fault("410 event");
                            text = """{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}""" + "\n";
                            break;
                        case > 4 and < 30:
                            wire.Fault("twice");
                            text += text;
                            break;
                        case < 60 when _past.Count > 0:
                            wire.Fault("late");
                            text += _past[wire.Next(_past.Count)];
                            break;
                    }

                    _past.Add(line + "\n");
                    _rest = Encoding.UTF8.GetBytes(text);
                }

                var count = Math.Min(buffer.Length, _rest.Length);
                _rest[..count].CopyTo(buffer);
                _rest = _rest[count..];
                return count;
            }

            protected override void Dispose(bool disposing)
            {
                if (disposing)
                    _lines.Dispose();
                base.Dispose(disposing);
            }
        }
    }
}
