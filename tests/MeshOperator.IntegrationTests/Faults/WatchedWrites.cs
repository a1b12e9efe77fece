using System.Globalization;
using System.Text.Json.Nodes;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.IntegrationTests.Faults;

/// <summary>One state of an object as a watch reported it.</summary>
internal sealed record WatchedWrite(string Name, long Version, JsonNode Object);

/// <summary>Notes every state of the objects of one path, by a watch of its own.</summary>
internal sealed class WatchedWrites : IAsyncDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<WatchedWrite> _writes = [];
    private readonly Task _reading;

    /// <summary>Starts to watch.</summary>
    /// <param name="transport">To the API server.</param>
    /// <param name="path">Of the resource in a namespace.</param>
    public WatchedWrites(KubernetesTransport transport, string path) => _reading = ReadAsync(transport, path);

    /// <summary>All states seen so far, in the order of their versions.</summary>
    public IReadOnlyList<WatchedWrite> All
    {
        get
        {
            lock (_writes)
                return [.. _writes];
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _reading;
        _stopping.Dispose();
    }

    private async Task ReadAsync(KubernetesTransport transport, string path)
    {
        try
        {
            using var response = await transport.OpenAsync(
                HttpMethod.Get,
                $"{path}?watch=1&resourceVersion=0&timeoutSeconds=1800",
                null,
                "application/json",
                _stopping.Token
            );
            using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(_stopping.Token));
            while (await lines.ReadLineAsync(_stopping.Token) is { } line)
            {
                var entity = JsonNode.Parse(line)!["object"]!;
                var version = long.Parse((string)entity["metadata"]!["resourceVersion"]!, CultureInfo.InvariantCulture);
                lock (_writes)
                    _writes.Add(new WatchedWrite((string)entity["metadata"]!["name"]!, version, entity));
            }
        }
        catch (Exception) when (_stopping.IsCancellationRequested)
        {
            // No more is wanted.
        }
    }
}
