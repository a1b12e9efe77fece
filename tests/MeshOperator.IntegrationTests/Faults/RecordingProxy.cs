using System.Collections.Concurrent;
using Envoy.Service.Discovery.V3;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;

namespace MeshOperator.IntegrationTests.Faults;

/// <summary>A proxy that takes over and acknowledges everything it is sent, and knows what it has: each resource's version.</summary>
internal sealed class RecordingProxy : IAsyncDisposable
{
    private readonly DeltaClient _client;
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<string, string> _versions = new(StringComparer.Ordinal);
    private readonly Task _reading;

    private RecordingProxy(DeltaClient client)
    {
        _client = client;
        _reading = ReadAsync();
    }

    /// <summary>What it has: lines of type, name and version, in order.</summary>
    public string[] State => [.. _versions.Select(v => $"{v.Key}@{v.Value}").Order(StringComparer.Ordinal)];

    /// <summary>Subscribes to all clusters and listeners, and to the routes and endpoints of those names whether they exist or
    /// not.</summary>
    public static async Task<RecordingProxy> ConnectAsync(DeltaClient client, IEnumerable<string> names)
    {
        string[] all = [.. names];
        await client.SubscribeAsync(ResourceType.Cluster);
        await client.SubscribeAsync(ResourceType.Endpoints, all);
        await client.SubscribeAsync(ResourceType.Listener);
        await client.SubscribeAsync(ResourceType.Route, all);
        return new RecordingProxy(client);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _reading;
        await _client.DisposeAsync();
        _stopping.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await _client.ReadAsync(_stopping.Token) is { } response)
        {
            foreach (var resource in response.Resources)
                _versions[Key(response, resource.Name)] = resource.Version;
            foreach (var name in response.RemovedResources)
                _versions.TryRemove(Key(response, name), out _);
            await _client.AcknowledgeAsync(response);
        }
    }

    private static string Key(DeltaDiscoveryResponse response, string name) => $"{response.TypeUrl.Split('.')[^1]} {name}";
}
