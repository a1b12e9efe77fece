using System.Collections.Concurrent;
using System.Threading.Channels;
using MeshOperator.Hosting;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Kubernetes.Queue;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Registry;

namespace MeshOperator.Policies;

/// <summary>Writes the status of policies: what was found of them at once, and how many proxies have acknowledged them as the answers
/// come in. Only the leader writes, and only what changed.</summary>
internal sealed class PolicyStatusWriter : BackgroundService
{
    private const int Workers = 4;

    /// <summary>While many proxies answer, a status is not written for each of them: what the API server and the informers do for it would slow
    /// the proxies down.</summary>
    private static readonly TimeSpan Gather = TimeSpan.FromSeconds(1);

    private readonly MeshPipeline _pipeline;
    private readonly ProxyRegistry _proxies;
    private readonly Dictionary<string, IPolicyStatusStore> _stores;
    private readonly ILeadership _leadership;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly WorkQueue<PolicyKey> _queue;
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public PolicyStatusWriter(
        MeshPipeline pipeline, ProxyRegistry proxies, IEnumerable<IPolicyStatusStore> stores, ILeadership leadership, TimeProvider time, Random random, ILogger<PolicyStatusWriter> logger)
    {
        _pipeline = pipeline;
        _proxies = proxies;
        _stores = stores.ToDictionary(s => s.Kind);
        _leadership = leadership;
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
        void Wake() => _wake.Writer.TryWrite(true);
        _pipeline.Translated += Wake;
        _leadership.Changed += Wake;
        foreach (var store in _stores.Values) store.Changed += Wake;
        try
        {
            await Task.WhenAll([FollowProxiesAsync(stoppingToken), LookAsync(stoppingToken), .. Enumerable.Range(0, Workers).Select(_ => WorkAsync(stoppingToken))]);
        }
        catch (Exception e) when (e is OperationCanceledException or ChannelClosedException)
        {
        }
        finally
        {
            _pipeline.Translated -= Wake;
            _leadership.Changed -= Wake;
            foreach (var store in _stores.Values) store.Changed -= Wake;
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
            _wake.Writer.TryWrite(true);
            await Task.Delay(Gather, _time, cancellation);
        }
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        while (await _wake.Reader.WaitToReadAsync(cancellation))
        {
            _wake.Reader.TryRead(out _);
            if (!_leadership.IsLeader || _pipeline.Latest is not { } latest) continue;
            foreach (var key in latest.Verdicts.Keys)
            {
                if (Desired(key) is not null) _queue.Add(key);
            }
        }
    }

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
                    await store.WriteAsync(ToObjectKey(key), desired.After, PolicyConditions.Events(desired.After, desired.Before), cancellation);
                    Tell(key, desired.After, desired.Before);
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
    private (Api.V1Alpha1.PolicyStatus After, Api.V1Alpha1.PolicyStatus? Before)? Desired(PolicyKey key)
    {
        if (_pipeline.Latest is not { } latest || !latest.Verdicts.TryGetValue(key, out var verdict)) return null;
        if (!_stores.TryGetValue(key.Kind, out var store) || store.Find(ToObjectKey(key)) is not { } found || found.Generation != verdict.Generation) return null;
        var status = PolicyConditions.Status(verdict, _proxies.GetProgress(key), found.Status, _time.GetUtcNow());
        return PolicyConditions.SaySame(status, found.Status) ? null : (status, found.Status);
    }

    private void Tell(PolicyKey key, Api.V1Alpha1.PolicyStatus after, Api.V1Alpha1.PolicyStatus? before)
    {
        foreach (var condition in after.Conditions)
        {
            if (before?.Conditions.Exists(c => c.Type == condition.Type && c.Status == condition.Status && c.Reason == condition.Reason) == true) continue;
            Log.ConditionChanged(_logger, key.Kind, key.Namespace, key.Name, condition.Type, condition.Status, condition.Reason);
        }
    }

    private static ObjectKey ToObjectKey(PolicyKey key) => new(key.Namespace, key.Name);
}
