using MeshOperator.Settings;
using MeshOperator.Xds.Server;

namespace MeshOperator.Replicas;

/// <summary>Shuts a replica down so that nobody misses it: it is not ready first, so that nobody new comes, then sends its proxies to other
/// replicas, and only then everything else stops.</summary>
internal sealed class Shutdown(StreamDrain drain, OperatorOptions options, TimeProvider time) : IHostedLifecycleService
{
    private int _isStopping;

    /// <summary>Whether this replica shuts down.</summary>
    public bool IsStopping => Volatile.Read(ref _isStopping) != 0;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        Volatile.Write(ref _isStopping, 1);
        await Task.Delay(options.ShutdownDelay, time, cancellationToken);
        await drain.ShutDownAsync(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
