using System.Collections.Concurrent;
using System.Threading.Channels;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Kubernetes.Queue;
using MeshOperator.Mesh.Model;
using MeshOperator.Pipeline;
using MeshOperator.Replicas;
using MeshOperator.Revocations;
using MeshOperator.Snapshots;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Registry;

namespace MeshOperator.Statuses;

/// <summary>Writes the status of policies: what was found of them at once, and how many proxies have acknowledged them as the answers
/// come in. Only the leader writes, and only what changed.</summary>
internal sealed class PolicyStatusWriter : BackgroundService
{
    private const int Workers = 4;

    /// <summary>While many proxies answer, a status is not written for each of them: what the API server and the informers do for it would
    /// slow the proxies down.</summary>
    private static readonly TimeSpan Gather = TimeSpan.FromSeconds(1);

    /// <summary>What is due already is looked at after this.</summary>
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(1);

    /// <summary>How often it is written how many proxies have acknowledged, while others are waited for: with little to wait for only the
    /// begin and the end are written.</summary>
    private static readonly TimeSpan ProgressEvery = TimeSpan.FromSeconds(3);

    /// <summary>One change of a policy takes two writes, that it was found valid and that all proxies have it.</summary>
    private const int WritesAtOnce = 6;

    /// <summary>How long after a start the status of a policy that has not changed stays as it was, while proxies come back.</summary>
    private static readonly TimeSpan ComeBackWithin = TimeSpan.FromSeconds(30);

    private readonly MeshPipeline _pipeline;
    private readonly ProxyCensus _census;
    private readonly RevocationTracker _revocations;
    private readonly SharedInformer<V1Pod> _pods;
    private readonly ProxyRegistry _proxies;
    private readonly Dictionary<string, IPolicyStatusStore> _stores;
    private readonly ILeadership _leadership;
    private readonly ReplicaPeers _peers;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly WorkQueue<PolicyKey> _queue;
    private readonly WakeSignal _wake = new();

    /// <summary>Other replicas have reported something.</summary>
    private readonly WakeSignal _reports = new();

    /// <summary>The policies of which this replica has written a status or found that no proxy is waited for.</summary>
    private readonly ConcurrentDictionary<PolicyKey, bool> _known = new();

    /// <summary>When the status of a policy was last written.</summary>
    private readonly ConcurrentDictionary<PolicyKey, DateTimeOffset> _writtenAt = new();

    private readonly WritePace _pace = new(every: TimeSpan.FromSeconds(1), WritesAtOnce);

    /// <summary>When progress may be written that was not because there was some a moment ago.</summary>
    private readonly ConcurrentDictionary<PolicyKey, DateTimeOffset> _deferred = new();

    private readonly ProxyTurnover _turnover = new(settles: TimeSpan.FromSeconds(5), longest: TimeSpan.FromMinutes(1));

    /// <summary>When this replica began to write, as ticks; its proxies are expected back from then on.</summary>
    private long _beganAt;

    public PolicyStatusWriter(
        MeshPipeline pipeline,
        ProxyRegistry proxies,
        ProxyCensus census,
        RevocationTracker revocations,
        SharedInformer<V1Pod> pods,
        IEnumerable<IPolicyStatusStore> stores,
        ILeadership leadership,
        ReplicaPeers peers,
        TimeProvider time,
        Random random,
        ILogger<PolicyStatusWriter> logger
    )
    {
        _pipeline = pipeline;
        _census = census;
        _revocations = revocations;
        _pods = pods;
        _proxies = proxies;
        _stores = stores.ToDictionary(s => s.Kind);
        _leadership = leadership;
        _peers = peers;
        _time = time;
        _logger = logger;
        _queue = new WorkQueue<PolicyKey>(time, random);
    }

    public override void Dispose()
    {
        _queue.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        void Wake() => _wake.Set();
        void WakeForPod(ObjectChange<V1Pod> change)
        {
            // A change of a proxy's own connection is followed by itself; of pods only a few changes matter here.
            if ((change.Old is null ? default : ProxyPod.Read(change.Old)) != (change.New is null ? default : ProxyPod.Read(change.New)))
                Wake();
        }

        void WakeForPeers() => _reports.Set();

        _pipeline.Translated += Wake;
        _leadership.Changed += Wake;
        _peers.Changed += WakeForPeers;
        _pods.Changed += WakeForPod;
        foreach (var store in _stores.Values)
            store.Changed += Wake;
        try
        {
            await Task.WhenAll([
                FollowProxiesAsync(stoppingToken),
                FollowPeersAsync(stoppingToken),
                LookAsync(stoppingToken),
                .. Enumerable.Range(0, Workers).Select(_ => WorkAsync(stoppingToken)),
            ]);
        }
        catch (Exception e) when (e is OperationCanceledException or ChannelClosedException) { }
        finally
        {
            _pipeline.Translated -= Wake;
            _leadership.Changed -= Wake;
            _peers.Changed -= WakeForPeers;
            _pods.Changed -= WakeForPod;
            foreach (var store in _stores.Values)
                store.Changed -= Wake;
        }
    }

    private async Task FollowProxiesAsync(CancellationToken cancellation)
    {
        var seen = _proxies.Revision;
        while (true)
        {
            await _proxies.WaitForChangeAsync(seen, cancellation);
            // Read before waking: what comes while the answers are gathered must wake again.
            seen = _proxies.Revision;
            _wake.Set();
            await Task.Delay(Gather, _time, cancellation);
        }
    }

    private async Task FollowPeersAsync(CancellationToken cancellation)
    {
        while (true)
        {
            await _reports.WaitAsync(cancellation);
            _wake.Set();
            await Task.Delay(Gather, _time, cancellation);
        }
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        var isWriting = false;
        var lookedAt = DateTimeOffset.MinValue;
        while (true)
        {
            await _wake.WaitAsync(isWriting ? UntilNextLook(lookedAt) : null, _time, cancellation);
            lookedAt = _time.GetUtcNow();
            var canWrite = _leadership.IsLeader && _pipeline.Wanted is not null;
            if (canWrite && !isWriting)
            {
                _known.Clear();
                _writtenAt.Clear();
                _turnover.Keep(_ => false);
                Volatile.Write(ref _beganAt, lookedAt.UtcTicks);
            }

            isWriting = canWrite;
            if (!isWriting)
                continue;
            var verdicts = _pipeline.Wanted!.Verdicts;
            foreach (var gone in _writtenAt.Keys.Where(key => !verdicts.ContainsKey(key)))
                _writtenAt.TryRemove(gone, out _);
            _deferred.Clear();
            _pace.Keep(verdicts.ContainsKey);
            _turnover.Keep(verdicts.ContainsKey);
            foreach (var key in verdicts.Keys)
            {
                if (Desired(key) is not null)
                    _queue.Add(key);
            }
        }
    }

    /// <summary>How long it is until a status may become another by time alone; null when none can.</summary>
    /// <param name="lookedAt">When statuses were last looked at. What has become due since then is due at once.</param>
    private TimeSpan? UntilNextLook(DateTimeOffset lookedAt)
    {
        var waits = _census
            .Take()
            .Times.SelectMany(times =>
                new[] { CoarseAge.UntilNext(lookedAt - times.Since), (times.HoldsUntil ?? DateTimeOffset.MinValue) - lookedAt }
            )
            .Append(ComeBackBy() - lookedAt)
            .Where(wait => wait > TimeSpan.Zero)
            .Concat(_deferred.Values.Select(due => due - lookedAt))
            .ToList();
        if (waits.Count == 0)
            return null;
        var left = lookedAt + waits.Min() - _time.GetUtcNow();
        return left > Soon ? left : Soon;
    }

    private DateTimeOffset ComeBackBy() => new DateTimeOffset(Volatile.Read(ref _beganAt), TimeSpan.Zero) + ComeBackWithin;

    private async Task WorkAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var key = await _queue.TakeAsync(cancellation);
            try
            {
                if (_leadership.IsLeader && Desired(key) is { } desired)
                {
                    var store = _stores[key.Kind];
                    _writtenAt[key] = _time.GetUtcNow();
                    _pace.Count(key, _writtenAt[key]);
                    _deferred.TryRemove(key, out _);
                    _turnover.End(key);
                    await store.WriteAsync(
                        ToObjectKey(key),
                        desired.After,
                        PolicyConditions.Events(desired.After, desired.Before),
                        cancellation
                    );
                    LogChanges(key, desired.After, desired.Before);
                }
                else if (_deferred.ContainsKey(key))
                {
                    // It was put off only now, and who looks may be waiting for something later.
                    _wake.Set();
                }

                _queue.Forget(key);
            }
            catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
            {
                Log.StatusFailed(_logger, e, key.ToString());
                _queue.AddAfterFailure(key);
            }
            finally
            {
                _queue.Done(key);
            }
        }
    }

    /// <summary>The status that should be written, or null when it is there, or the object has changed since it was translated.</summary>
    private (Api.Policies.PolicyStatus After, Api.Policies.PolicyStatus? Before)? Desired(PolicyKey key)
    {
        if (_pipeline.Wanted is not { } wanted || !wanted.Verdicts.TryGetValue(key, out var verdict))
            return null;
        if (
            !_stores.TryGetValue(key.Kind, out var store)
            || store.Find(ToObjectKey(key)) is not { } found
            || found.Generation != verdict.Generation
            || found.Uid != verdict.Uid
        )
            return null;
        var expected = _census.Take();
        var progress = _proxies.GetProgress(key, expected, verdict.Generation) with { IsRevoking = _revocations.IsPending(key) };
        // Who connected or left in between may have been missed by both. The change wakes this writer again.
        if (_proxies.Connections != expected.Connections)
            return null;
        var now = _time.GetUtcNow();
        if (!_peers.AreHeard && PolicyConditions.IsWaiting(progress, now))
            return null;
        if (now < ComeBackBy() && !_known.ContainsKey(key))
        {
            if (PolicyConditions.IsAbout(found.Status, verdict) && PolicyConditions.IsWaiting(progress, now))
                return null;
            _known[key] = true;
        }

        var status = PolicyConditions.Status(verdict, progress, found.Status, now);
        if (PolicyConditions.SaySame(status, found.Status))
        {
            _turnover.End(key);
            return null;
        }

        return IsDue(key, status, found.Status, now) ? (status, found.Status) : null;
    }

    /// <summary>Whether a status may be written now, one that only says that some more proxies have acknowledged, or have come or gone,
    /// less often; else it is looked at again when it may.</summary>
    private bool IsDue(PolicyKey key, Api.Policies.PolicyStatus after, Api.Policies.PolicyStatus? before, DateTimeOffset now)
    {
        var next =
            PolicyConditions.IsTurnover(after, before) ? _turnover.DueAt(key, after.Proxies!, now)
            : PolicyConditions.IsProgress(after, before) ? _writtenAt.GetValueOrDefault(key) + ProgressEvery
            : DateTimeOffset.MinValue;
        var due = next > _pace.DueAt(key) ? next : _pace.DueAt(key);
        if (due <= now)
            return true;
        _deferred[key] = due;
        return false;
    }

    private void LogChanges(PolicyKey key, Api.Policies.PolicyStatus after, Api.Policies.PolicyStatus? before)
    {
        foreach (var condition in after.Conditions)
        {
            if (
                before?.Conditions.Exists(c => c.Type == condition.Type && c.Status == condition.Status && c.Reason == condition.Reason)
                == true
            )
                continue;
            Log.ConditionChanged(_logger, key.Kind, key.Namespace, key.Name, condition.Type, condition.Status, condition.Reason);
        }
    }

    private static ObjectKey ToObjectKey(PolicyKey key) => new(key.Namespace, key.Name);
}
