using System.Diagnostics;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation;
using MeshOperator.Snapshots;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Hosting;

/// <summary>Carries changes of the cluster to the proxies' configuration: the first at once, further ones gathered for a moment.</summary>
internal sealed class MeshPipeline(
    ClusterSnapshotSource source, EnvoyTranslator envoy, SnapshotCache cache, TimeProvider time, ILogger<MeshPipeline> logger) : BackgroundService
{
    private static readonly TimeSpan Debounce = TimeSpan.FromMilliseconds(50);
    private TranslationResult? _latest;
    private ClusterSnapshot? _served;

    /// <summary>Told after <see cref="Latest"/> changed; must return at once.</summary>
    public event Action? Translated;

    /// <summary>What is served, and what became of each policy; null before the first translation.</summary>
    public TranslationResult? Latest => Volatile.Read(ref _latest);

    /// <summary>The snapshot of which <see cref="Latest"/> was made.</summary>
    public ClusterSnapshot? Served => Volatile.Read(ref _served);

    /// <summary>Whether proxies are served.</summary>
    public bool IsReady => Latest is not null;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await source.WaitForSyncAsync(stoppingToken);
            Translate();
            while (true)
            {
                await source.WaitForChangeAsync(stoppingToken);
                Translate();
                await Task.Delay(Debounce, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    private void Translate()
    {
        try
        {
            var started = Stopwatch.GetTimestamp();
            var snapshot = source.Current;
            var result = Translator.Translate(snapshot);
            // The cache goes first: who sees the new verdicts must not measure them by the old resources.
            cache.Update(envoy.Translate(result.Model));
            Volatile.Write(ref _latest, result);
            Volatile.Write(ref _served, snapshot);
            Log.Translated(logger, result.Model.Services.Count, result.Model.Workloads.Count, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            Translated?.Invoke();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Log.TranslationFailed(logger, e);
        }
    }
}
