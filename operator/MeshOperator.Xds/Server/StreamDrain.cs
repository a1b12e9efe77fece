using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace MeshOperator.Xds.Server;

/// <summary>Sends all proxies to other replicas, one after the other: streams are ended at random within a few seconds, so that the others
/// are not overrun, and no new ones are taken.</summary>
public sealed class StreamDrain : IDisposable
{
    /// <summary>How long it takes with many streams.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    private const string ShuttingDown = "The operator is shutting down; reconnect.";
    private static readonly TimeSpan ForEach = TimeSpan.FromMilliseconds(10);
    private readonly ConcurrentDictionary<CancellationTokenSource, byte> _streams = new();
    private readonly CancellationTokenSource _over = new();
    private readonly TimeProvider _time;
    private string? _reason;

    /// <summary>Takes all streams.</summary>
    public StreamDrain(IHostApplicationLifetime lifetime, IOptions<XdsServerOptions> options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(lifetime);
        ArgumentNullException.ThrowIfNull(options);
        _time = time;
        if (options.Value.DrainsWhenStopping)
            lifetime.ApplicationStopping.Register(() => Begin(ShuttingDown));
    }

    /// <summary>Why no streams are taken; null when they are.</summary>
    public string? Reason => Volatile.Read(ref _reason);

    /// <summary>Cancelled when this replica shuts down and has sent its proxies away.</summary>
    public CancellationToken Over => _over.Token;

    /// <summary>Begins to end streams.</summary>
    /// <param name="reason">What clients are told.</param>
    public void Begin(string reason)
    {
        Volatile.Write(ref _reason, reason);
        var streams = _streams.Keys.ToList();
        var window = TimeSpan.FromTicks(Math.Min(Longest.Ticks, ForEach.Ticks * (streams.Count - 1)));
        foreach (var stream in streams)
            End(stream, window * (RandomNumberGenerator.GetInt32(1000) / 1000.0));
    }

    /// <summary>Takes streams again.</summary>
    public void End() => Volatile.Write(ref _reason, null);

    /// <summary>Ends all streams for good.</summary>
    public async Task ShutDownAsync(CancellationToken cancellation)
    {
        Begin(ShuttingDown);
        for (var waited = TimeSpan.Zero; !_streams.IsEmpty && waited < Longest + Longest; waited += ForEach)
            await Task.Delay(ForEach, _time, cancellation);
        await _over.CancelAsync();
    }

    /// <inheritdoc/>
    public void Dispose() => _over.Dispose();

    /// <summary>Counts a stream until the result is disposed of.</summary>
    /// <param name="ends">Is cancelled when the stream is to end.</param>
    internal IDisposable Enter(CancellationTokenSource ends)
    {
        _streams.TryAdd(ends, 0);
        return new Lease(_streams, ends);
    }

    private static void End(CancellationTokenSource stream, TimeSpan after)
    {
        try
        {
            stream.CancelAfter(after);
        }
        catch (ObjectDisposedException)
        {
            // It has ended by itself.
        }
    }

    private sealed class Lease(ConcurrentDictionary<CancellationTokenSource, byte> streams, CancellationTokenSource ends) : IDisposable
    {
        public void Dispose() => streams.TryRemove(ends, out _);
    }
}
