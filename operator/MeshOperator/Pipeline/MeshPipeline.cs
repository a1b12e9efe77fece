using System.Diagnostics;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Rollout;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation;
using MeshOperator.Mesh.Translation.Quarantining;
using MeshOperator.Modes;
using MeshOperator.Replicas;
using MeshOperator.Revocations;
using MeshOperator.Settings;
using MeshOperator.Snapshots;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Registry;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Pipeline;

/// <summary>Carries changes of the cluster to the proxies' configuration: the first at once, further ones gathered for a moment.</summary>
internal sealed class MeshPipeline(
    ClusterSnapshotSource source,
    EnvoyTranslator envoy,
    SnapshotCache cache,
    ProxyRegistry proxies,
    RevocationTracker revocations,
    ReplicaPeers peers,
    ReplicaBoard board,
    ModeRecords modes,
    PipelineMetrics metrics,
    PipelineWatch watch,
    OperatorOptions options,
    TimeProvider time,
    ILogger<MeshPipeline> logger
) : BackgroundService
{
    private static readonly TimeSpan Debounce = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan RolloutPoll = TimeSpan.FromMilliseconds(100);

    /// <summary>How soon a translation is tried again that has failed, and of which no object is known to be the cause. To look for one
    /// takes some twenty translations.</summary>
    private static readonly TimeSpan SearchEvery = TimeSpan.FromSeconds(30);

    private readonly MeshTranslator _translator = new();
    private readonly Quarantine _quarantine = new(snapshot => CanTranslate(snapshot, envoy, options));
    private DateTimeOffset? _failedAt;
    private ClusterSnapshot? _good;
    private IReadOnlyList<Suspect> _held = [];
    private readonly ModeRollout _rollout = new(time);
    private AcknowledgedProgress? _progress;
    private long _recorded = -1;
    private TranslationResult? _wanted;
    private MeshModel? _served;
    private ClusterSnapshot? _translated;

    /// <summary>Whether a translation that failed is to be tried again.</summary>
    private bool IsDue => _failedAt is { } failedAt && time.GetUtcNow() - failedAt >= SearchEvery;

    private AcknowledgedProgress Progress => _progress ??= new AcknowledgedProgress(proxies, peers, _rollout);

    /// <summary>Raised after a translation; handlers must return at once.</summary>
    public event Action? Translated;

    /// <summary>The model that the policies ask for, and the verdict on each policy; null before the first translation.</summary>
    public TranslationResult? Wanted => Volatile.Read(ref _wanted);

    /// <summary>The model that proxies are served: <see cref="Wanted"/>, except where the mode of mutual TLS still changes in steps. It has
    /// the same workloads. Null before the first translation.</summary>
    public MeshModel? Served => Volatile.Read(ref _served);

    /// <summary>The snapshot from which both models were made; null before the first translation.</summary>
    public ClusterSnapshot? TranslatedSnapshot => Volatile.Read(ref _translated);

    /// <summary>Objects that are left out because the translation fails on them.</summary>
    public IReadOnlyList<Suspect> Held => Volatile.Read(ref _held);

    /// <summary>Whether proxies are served.</summary>
    public bool IsReady => Wanted is not null;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await source.WaitForSyncAsync(stoppingToken);
            Translate();
            while (true)
            {
                await WaitForChangeAsync(stoppingToken);
                Translate();
                await Task.Delay(Debounce, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
    }

    /// <summary>Waits until something has changed, the next step to another mode of mutual TLS can be taken, or a translation that failed
    /// is to be tried again.</summary>
    private async Task WaitForChangeAsync(CancellationToken cancellation)
    {
        while (_rollout.Pending.Count > 0 || _failedAt is not null)
        {
            using var poll = new CancellationTokenSource(_rollout.Pending.Count > 0 ? RolloutPoll : SearchEvery, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, poll.Token);
            try
            {
                await source.WaitForChangeAsync(either.Token);
                return;
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                _rollout.Followed = modes.ToFollow;
                if (IsDue || _rollout.CanAdvance(Progress))
                    return;
                board.Post(Progress.Report());
            }
        }

        await source.WaitForChangeAsync(cancellation);
    }

    private void Translate()
    {
        watch.Begin();
        try
        {
            Translate(source.Current);
        }
        finally
        {
            watch.End();
        }
    }

    private void Translate(ClusterSnapshot snapshot)
    {
        if (TryServe(snapshot))
        {
            _failedAt = null;
            return;
        }

        if (_failedAt is not null && !IsDue)
            return;
        if (_quarantine.Search(snapshot, _good) && TryServe(snapshot))
        {
            _failedAt = null;
            Log.ObjectsHeld(logger, string.Join(", ", Held));
        }
        else
        {
            _failedAt = time.GetUtcNow();
        }
    }

    private bool TryServe(ClusterSnapshot snapshot)
    {
        try
        {
            Serve(snapshot);
            return true;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            metrics.CountFailure();
            Log.TranslationFailed(logger, e);
            return false;
        }
    }

    private void Serve(ClusterSnapshot snapshot)
    {
        var started = Stopwatch.GetTimestamp();
        var usable = _quarantine.Apply(snapshot, _good);
        options.TranslationFault?.Invoke(usable);
        var result = _quarantine.Judge(_translator.Translate(usable), snapshot);
        // The cache goes first: who sees the new verdicts must not measure them by the old resources.
        var pending = _rollout.Pending.Count;
        var served = Advance(result.Model);
        var woken = cache.Update(envoy.Translate(served));
        board.Post(Progress.Report());
        if (_rollout.Pending.Count != pending)
            Log.RolloutPending(logger, _rollout.Pending.Count);
        revocations.See(result.Model);
        board.Post(result.Verdicts.ToDictionary(verdict => verdict.Key, verdict => verdict.Value.Generation));
        _good = usable;
        Volatile.Write(ref _held, [.. _quarantine.Held]);
        metrics.SetHeld(Held.Count);
        Volatile.Write(ref _served, served);
        Volatile.Write(ref _wanted, result);
        Volatile.Write(ref _translated, snapshot);
        Log.Translated(
            logger,
            result.Model.Services.Count,
            result.Model.Workloads.Count,
            woken,
            Stopwatch.GetElapsedTime(started).TotalMilliseconds
        );
        Translated?.Invoke();
    }

    private static bool CanTranslate(ClusterSnapshot snapshot, EnvoyTranslator envoy, OperatorOptions options)
    {
        try
        {
            options.TranslationFault?.Invoke(snapshot);
            envoy.TranslateAlone(new MeshTranslator().Translate(snapshot).Model);
            return true;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return false;
        }
    }

    /// <summary>Takes the next steps towards other modes of mutual TLS.</summary>
    private MeshModel Advance(MeshModel wanted)
    {
        if (Wanted is null && modes.Current is { } record)
            _rollout.Restore(record, wanted);
        _rollout.Followed = modes.ToFollow;
        var served = _rollout.Apply(wanted, Progress);
        if (_recorded != _rollout.Revision)
            modes.Post(_rollout.Record());
        _recorded = _rollout.Revision;
        return served;
    }
}
