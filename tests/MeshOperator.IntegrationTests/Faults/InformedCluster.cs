using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.LocalCluster;
using MeshOperator.LocalCluster.Faults;
using MeshOperator.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Faults;

/// <summary>An API server with an informer of the ConfigMaps of one namespace, and somebody who changes them.</summary>
internal sealed class InformedCluster : IAsyncDisposable
{
    private const string Namespace = "default";
    private readonly ApiServer _server;
    private readonly k8s.Kubernetes _client;
    private readonly EntityClient<V1ConfigMap> _configMaps;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<ObjectKey, string> _reported = new();
    private readonly Random _random;
    private readonly List<string> _names = [];
    private Task _running = Task.CompletedTask;
    private int _created;

    private InformedCluster(ApiServer server, k8s.Kubernetes client, TimeProvider time, TimeProvider requests, int seed)
    {
        _server = server;
        _client = client;
        _random = new Random(seed);
        _configMaps = new EntityClient<V1ConfigMap>(new KubernetesTransport(client, TimeProvider.System));
        Informer = new SharedInformer<V1ConfigMap>(
            new KubernetesTransport(client, requests),
            new InformerOptions<V1ConfigMap> { Namespace = Namespace },
            time,
            new Random(seed),
            NullLogger<SharedInformer<V1ConfigMap>>.Instance
        );
        Informer.Changed += change =>
        {
            if (change.New is { } current)
                _reported[change.Key] = current.Metadata.ResourceVersion;
            else
                _reported.TryRemove(change.Key, out _);
        };
    }

    public SharedInformer<V1ConfigMap> Informer { get; }

    public FaultInjector Faults => _server.Faults;

    /// <summary>Starts the API server; the informer waits for <see cref="Inform"/>.</summary>
    /// <param name="time">The informer's clock.</param>
    /// <param name="requests">The clock of its requests' time limits.</param>
    /// <param name="seed">Of the changes and of the informer's dice.</param>
    public static async Task<InformedCluster> StartAsync(TimeProvider? time = null, TimeProvider? requests = null, int seed = 1)
    {
        var server = await ApiServer.StartAsync(
            new LocalClusterOptions { WorkloadControllers = false },
            TestContext.Current.CancellationToken
        );
        var configuration = await KubernetesClientConfiguration.BuildConfigFromConfigFileAsync(
            new MemoryStream(Encoding.UTF8.GetBytes(server.Kubeconfig))
        );
        return new InformedCluster(
            server,
            new k8s.Kubernetes(configuration),
            time ?? TimeProvider.System,
            requests ?? TimeProvider.System,
            seed
        );
    }

    /// <summary>Starts the informer, and waits until it watches.</summary>
    public async Task InformAsync()
    {
        Inform();
        await Informer.WaitForSyncAsync(TestContext.Current.CancellationToken);
        await Eventually.Succeeds(() => Faults.OpenWatches.ShouldBe(1));
    }

    /// <summary>Starts the informer.</summary>
    public void Inform() => _running = Informer.RunAsync(_stopping.Token);

    /// <summary>Creates, updates and deletes at random.</summary>
    public async Task ChangeAsync(int changes)
    {
        for (var i = 0; i < changes; i++)
        {
            var dice = _random.Next(10);
            if (_names.Count == 0 || dice < 4)
            {
                await CreateAsync(string.Create(CultureInfo.InvariantCulture, $"c{_created++}"));
            }
            else if (dice < 8)
            {
                await _configMaps.MergePatchAsync(
                    new ObjectKey(Namespace, _names[_random.Next(_names.Count)]),
                    new() { ["data"] = new System.Text.Json.Nodes.JsonObject { ["n"] = i.ToString(CultureInfo.InvariantCulture) } },
                    TestContext.Current.CancellationToken
                );
            }
            else
            {
                var index = _random.Next(_names.Count);
                await _configMaps.DeleteAsync(new ObjectKey(Namespace, _names[index]), TestContext.Current.CancellationToken);
                _names.RemoveAt(index);
            }
        }
    }

    public async Task CreateAsync(string name)
    {
        await _configMaps.CreateAsync(
            new V1ConfigMap
            {
                Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = Namespace },
            },
            TestContext.Current.CancellationToken
        );
        _names.Add(name);
    }

    /// <summary>Waits until the cache holds what the cluster holds, and was notified as it is.</summary>
    public Task ConvergeAsync(Action? between = null) =>
        Eventually.Succeeds(async () =>
        {
            between?.Invoke();
            await ShouldBeEqualAsync();
        });

    /// <summary>Asserts that the cache holds what the cluster holds, and that the changes that were reported add up to it.</summary>
    public async Task ShouldBeEqualAsync()
    {
        var cached = Lines(Informer.Objects.ToDictionary(o => o.Key, o => o.Value.Metadata.ResourceVersion));
        var listed = (await _configMaps.ListAsync(TestContext.Current.CancellationToken)).Where(c =>
            c.Metadata.NamespaceProperty == Namespace
        );
        cached.ShouldBe(Lines(listed.ToDictionary(ObjectKey.From, c => c.Metadata.ResourceVersion)));
        Lines(_reported).ShouldBe(cached);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _stopping.Dispose();
        _client.Dispose();
        await _server.DisposeAsync();
    }

    private static string[] Lines(IReadOnlyDictionary<ObjectKey, string> versions) =>
        [.. versions.Select(v => $"{v.Key}@{v.Value}").Order(StringComparer.Ordinal)];
}
