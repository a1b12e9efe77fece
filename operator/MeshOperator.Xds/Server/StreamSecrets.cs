using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Secrets;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Xds.Server;

/// <summary>The secrets of one stream's workload. They are got in the background, as making a key takes its time, and the stream is
/// woken when they are there and when they are to be got again.</summary>
internal sealed class StreamSecrets(AdsStreamContext context, WakeSignal signal) : IDisposable
{
    private readonly Lock _gate = new();
    private volatile Held _held = new(
        new ProxySecrets(ResourceSet.Empty, new TrustMaterial(default, ""), CancellationToken.None),
        0,
        "",
        null
    );
    private CancellationTokenRegistration _wake;
    private (Held Held, ProxyResources Own, ResourceSet Resources)? _sent;
    private bool _isDisposed;
    private int _isFetching;

    /// <summary>Whether they were got at least once.</summary>
    public bool AreReady => _held.Generation > 0;

    /// <summary>What was got last, with the secrets that the proxy's inbound listener names. To be called by the stream's loop
    /// only.</summary>
    public ResourceSet CurrentFor(ProxyResources own)
    {
        var held = _held;
        if (own.Callers.Count == 0 || held.Generation == 0)
            return held.Secrets.Resources;
        if (_sent is not { } sent || !ReferenceEquals(sent.Held, held) || !ReferenceEquals(sent.Own, own))
            _sent = (held, own, context.Secrets.WithCallers(held.Secrets, own, _sent?.Resources));
        return _sent.Value.Resources;
    }

    /// <summary>Begins to get them when those at hand are out of date.</summary>
    public void Refresh(string nodeId, string? spiffeId, CancellationToken cancellationToken)
    {
        var held = _held;
        if (held.Generation == context.Secrets.Generation && held.SpiffeId == spiffeId && !held.Secrets.Due.IsCancellationRequested)
            return;
        if (Interlocked.Exchange(ref _isFetching, 1) == 1)
            return;
        var fetch = FetchAsync(nodeId, spiffeId, cancellationToken);
        if (!fetch.IsCompleted)
            _ = WakeAfterAsync(fetch);
    }

    /// <summary>Lets the identity go.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _wake.Dispose();
            Release(_held);
        }
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
            var secrets = await context.Secrets.GetAsync(nodeId, spiffeId, _held.Secrets.Resources, either.Token);
            Hold(new Held(secrets, generation, nodeId, spiffeId));
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

    private void Hold(Held held)
    {
        lock (_gate)
        {
            var before = _held;
            _held = held;
            _wake.Dispose();
            if (before.SpiffeId != held.SpiffeId)
                Release(before);
            if (_isDisposed)
                Release(held);
            else
                _wake = held.Secrets.Due.UnsafeRegister(static signal => ((WakeSignal)signal!).Set(), signal);
        }
    }

    private void Release(Held held)
    {
        if (held.SpiffeId is { } spiffeId)
            context.Secrets.Release(held.NodeId, spiffeId);
    }

    private async Task WakeLaterAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(context.Options.IdentityRetryDelay, context.Time, cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        signal.Set();
    }

    private sealed record Held(ProxySecrets Secrets, int Generation, string NodeId, string? SpiffeId)
    {
        public override string ToString() => nameof(Held);
    }
}
