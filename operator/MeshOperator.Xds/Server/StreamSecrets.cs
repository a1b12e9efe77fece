using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Server;

/// <summary>The secrets of one stream's workload. They are got in the background, as making a key takes its time, and the stream is
/// woken when they are there.</summary>
internal sealed class StreamSecrets(AdsStreamContext context, WakeSignal signal)
{
    private volatile Secrets _secrets = new(ResourceSet.Empty, 0, null);
    private int _isFetching;

    /// <summary>Whether they were got at least once.</summary>
    public bool AreReady => _secrets.Generation > 0;

    /// <summary>What was got last.</summary>
    public ResourceSet Current => _secrets.Resources;

    /// <summary>Begins to get them when those at hand are out of date.</summary>
    public void Refresh(string nodeId, string? spiffeId, CancellationToken cancellationToken)
    {
        var held = _secrets;
        if (held.Generation == context.Secrets.Generation && held.SpiffeId == spiffeId) return;
        if (Interlocked.Exchange(ref _isFetching, 1) == 1) return;
        var fetch = FetchAsync(nodeId, spiffeId, cancellationToken);
        if (!fetch.IsCompleted) _ = WakeAfterAsync(fetch);
    }

    private async Task WakeAfterAsync(Task fetch)
    {
        await fetch;
        signal.Set();
    }

    private async Task FetchAsync(string nodeId, string? spiffeId, CancellationToken cancellationToken)
    {
        try
        {
            var generation = context.Secrets.Generation;
            using var timeout = new CancellationTokenSource(context.Options.IdentityTimeout, context.Time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
            var resources = await context.Secrets.GetAsync(spiffeId, _secrets.Resources, either.Token);
            _secrets = new Secrets(resources, generation, spiffeId);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The stream has ended.
        }
#pragma warning disable CA1031 // Whatever the source throws, the stream lives on and asks again.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            context.Log.IdentityFailed(exception, spiffeId ?? "", nodeId, context.Options.IdentityRetryDelay);
            _ = WakeLaterAsync(cancellationToken);
        }
        finally
        {
            Volatile.Write(ref _isFetching, 0);
        }
    }

    private async Task WakeLaterAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(context.Options.IdentityRetryDelay, context.Time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        signal.Set();
    }

    private sealed record Secrets(ResourceSet Resources, int Generation, string? SpiffeId)
    {
        public override string ToString() => nameof(Secrets);
    }
}
