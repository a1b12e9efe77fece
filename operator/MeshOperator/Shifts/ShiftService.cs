using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Events;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Verdicts;
using MeshOperator.Pipeline;
using MeshOperator.Replicas;
using MeshOperator.Shifts.Announcing;
using MeshOperator.Shifts.Asking;
using MeshOperator.Statuses;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.LoadStats;
using MeshOperator.Xds.Registry;

namespace MeshOperator.Shifts;

/// <summary>Takes the steps of gradual shifts. Every replica has requests counted; the leader decides, and writes where each shift is into
/// the status of its TrafficSplit, from which all replicas read it.</summary>
internal sealed class ShiftService(
    MeshPipeline pipeline,
    SharedInformer<TrafficSplit> splits,
    ProxyRegistry proxies,
    ProxyCensus census,
    ReplicaPeers peers,
    LoadStatsCollector collector,
    ShiftMeasurements measurements,
    OutsideChecks outside,
    ShiftLimit limit,
    ShiftAborts aborts,
    ShiftStatusStore store,
    ShiftMetrics metrics,
    EventPublisher events,
    ShiftAnnouncer announcer,
    ILeadership leadership,
    TimeProvider time,
    ILogger<ShiftService> logger
) : BackgroundService
{
    /// <summary>How often shifts in progress are looked at.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <summary>How often they are looked at while proxies are waited for, so that a hold begins when the last one has acknowledged
    /// it.</summary>
    private static readonly TimeSpan WaitingLookEvery = TimeSpan.FromMilliseconds(250);

    /// <summary>How often a status is written of which only the measurements have changed.</summary>
    private static readonly TimeSpan ReasonEvery = TimeSpan.FromSeconds(10);

    private readonly WakeSignal _wake = new();

    private readonly Dictionary<ObjectName, DateTimeOffset> _writtenAt = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        void Wake() => _wake.Set();
        void WakeForSplit(ObjectChange<TrafficSplit> change) => Wake();

        pipeline.Translated += Wake;
        leadership.Changed += Wake;
        collector.Reported += Wake;
        splits.Changed += WakeForSplit;
        try
        {
            TimeSpan? next = null;
            while (true)
            {
                await _wake.WaitAsync(next, time, stoppingToken);
                next = await LookAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
        finally
        {
            pipeline.Translated -= Wake;
            leadership.Changed -= Wake;
            collector.Reported -= Wake;
            splits.Changed -= WakeForSplit;
        }
    }

    /// <summary>Takes the steps that are due.</summary>
    /// <returns>When to look again; null when nothing is in progress.</returns>
    private async Task<TimeSpan?> LookAsync(CancellationToken cancellation)
    {
        if (pipeline.TranslatedSnapshot is not { } snapshot || pipeline.Wanted is not { } wanted || pipeline.Served is not { } served)
            return null;
        measurements.Refresh(snapshot, served);
        if (!leadership.IsLeader)
        {
            metrics.Set([]);
            return snapshot.Shifts.Count > 0 ? LookEvery : null;
        }

        TimeSpan? next = null;
        var states = new List<(ObjectName, ShiftState)>();
        foreach (var split in limit.Order(splits.Objects.Values.Where(HasShifts)))
        {
            var name = new ObjectName(split.Metadata.NamespaceProperty, split.Metadata.Name);
            if (
                snapshot.Policies.Find(PolicyKinds.TrafficSplit, name) is not { Spec: { } spec } record
                || record.Uid != split.Metadata.Uid
                || record.Generation != (split.Metadata.Generation ?? 1)
                || !wanted.Verdicts.TryGetValue(new PolicyKey(PolicyKinds.TrafficSplit.Name, name.Namespace, name.Name), out var verdict)
            )
                continue;
            var shifts = SplitShift.FindAll(spec).ToList();
            try
            {
                var look = new Look(snapshot, served, split, name, spec, verdict);
                foreach (var (_, state) in await StepAsync(look, shifts, cancellation))
                {
                    states.Add((name, state));
                    if (WaitsForProxies(state))
                        next = WaitingLookEvery;
                    else if (!state.IsOver)
                        next ??= LookEvery;
                }
            }
            catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException)
            {
                Log.ShiftFailed(logger, e, name.ToString());
                next ??= LookEvery;
            }
        }

        foreach (var gone in _writtenAt.Keys.Where(name => !IsThere(name)).ToList())
            _writtenAt.Remove(gone);
        outside.Keep(IsThere);
        aborts.Keep(IsThere);
        metrics.Set(states);
        return next;

        bool IsThere(ObjectName name) => splits.Objects.ContainsKey(new ObjectKey(name.Namespace, name.Name));
    }

    private static bool WaitsForProxies(ShiftState state) =>
        state.AcknowledgedAt is null && state.Phase is not (ShiftPhase.Pending or ShiftPhase.Paused or ShiftPhase.Held);

    /// <summary>Whether a split has a gradual shift, or its status still has one.</summary>
    private static bool HasShifts(TrafficSplit split) =>
        split.Status?.Shifts is { Count: > 0 } || (split.Spec is { } spec && SplitShift.FindAll(spec).Any());

    private async Task<IReadOnlyList<(SplitShift Shift, ShiftState State)>> StepAsync(
        Look look,
        List<SplitShift> shifts,
        CancellationToken cancellation
    )
    {
        var utc = time.GetUtcNow();
        var now = utc.AddTicks(-(utc.Ticks % TimeSpan.TicksPerSecond));
        var known = (look.Split.Status?.Shifts ?? []).ConvertAll(ShiftState.From);
        var next = shifts.ConvertAll(shift =>
        {
            var before = known.Find(state => state.Rule == shift.Rule && state.Identity.Equals(shift.Identity));
            var after = ShiftMachine.Advance(shift, before, Observe(look, shift, before, now), now);
            limit.Note(look.Name, before, after);
            return (Shift: shift, Before: before, After: after);
        });
        List<(SplitShift, ShiftState)> after = [.. next.Select(shift => (shift.Shift, shift.After))];
        var isAsBefore = known.Count == next.Count && store.HasConditions(look.Split, look.Verdict.InEffect, after);
        var isSame = isAsBefore && next.TrueForAll(shift => shift.After == shift.Before);
        var isReason = isAsBefore && next.TrueForAll(shift => shift.After == shift.Before?.With(shift.After.Reason));
        if (isSame || (isReason && utc - _writtenAt.GetValueOrDefault(look.Name) < ReasonEvery))
            return after;
        if (await store.WriteAsync(look.Split, look.Verdict.InEffect, after, cancellation) is not { } written)
            return after;
        _writtenAt[look.Name] = utc;
        foreach (var (shift, before, state) in next)
        {
            if (ShiftEvents.Find(shift, before, state) is not { } found)
                continue;
            Log.ShiftMoved(logger, look.Name.ToString(), shift.Rule, state.Phase.ToString(), shift.Describe(state.Weight), state.Reason);
            metrics.Count(look.Name, state);
            aborts.Note(look.Name, before, state, utc);
            if (ShiftCloudEvent.Find(written, shift, before, state) is { } announced)
                announcer.Announce(announced);
            await events.PublishAsync(written, found.IsWarning, found.Reason, found.Message, cancellation);
        }

        return after;
    }

    private ShiftObservation Observe(Look look, SplitShift shift, ShiftState? before, DateTimeOffset now)
    {
        var command = ShiftCommand.Read(
            look.Split.Metadata.Annotations?.TryGetValue(MeshNames.ShiftAnnotation, out var text) == true ? text : null
        );
        var routes = ShiftRoutes.Find(look.Served, look.Name, look.Spec.Service, shift);
        var (isProgrammed, waits, rejection, callers) = Measure(look, shift, before, now);
        if (isProgrammed && before is { IsOver: true })
            aborts.End(look.Name, before);
        else if (isProgrammed && measurements.FindDelay(look.Name, shift, before!, routes, callers) is { } delay)
            (isProgrammed, waits) = (false, delay);
        return new ShiftObservation
        {
            IsProgrammed = isProgrammed,
            Progress = waits,
            Rejection = rejection,
            Verdict = before is { IsJudged: true }
                ? ShiftJudge.Judge(shift.Wanted, before.Weight, Take(look, shift, before, routes, callers))
                : ShiftVerdict.NoChecks,
            Endpoints = routes.Endpoints,
            TargetProblem = routes.Target.Any(port => port.Endpoints.Count > 0) ? null : $"{shift.Wanted.To} has no ready endpoints",
            Block = ShiftWindows.FindBlock(shift.Wanted.Windows, now) ?? limit.FindBlock(look.Name, before),
            Standstill = look.Verdict.InEffect ? null : "the split is not in effect; see its Accepted condition",
            Command = command,
        };
    }

    /// <summary>What was counted, and what was answered.</summary>
    private ShiftSample Take(Look look, SplitShift shift, ShiftState before, ShiftRoutes routes, int callers) =>
        measurements.Take(look.Name, shift, before, routes, callers, () => proxies.FindTargeted(look.Key)) with
        {
            Answers = outside.Take(new AskedStep(look.Name, look.Spec.Service, shift, before), look.Snapshot, look.Served),
        };

    /// <summary>How far the proxies are with the weight that was written down.</summary>
    private (bool IsProgrammed, string Waits, string? Rejection, int Callers) Measure(
        Look look,
        SplitShift shift,
        ShiftState? before,
        DateTimeOffset now
    )
    {
        var served = shift.FindProgress(look.Snapshot.Shifts.GetValueOrDefault(look.Name, []));
        var isServed = served?.Weight == before?.Weight && served?.IsMirroring == before?.Phase is ShiftPhase.Mirroring;
        if (before is null || before is { IsOver: true, AcknowledgedAt: not null } || !isServed)
            return (false, "the step is on its way to the proxies", null, 0);
        var expected = census.Take();
        var progress = proxies.GetProgress(look.Key, expected, look.Verdict.Generation);
        // One that is not connected may call all the same.
        var callers = progress.Targeted - progress.Unconnected.Count(proxy => !proxy.Holds(now));
        var waits = FormattableString.Invariant($"{progress.Acknowledged} of {progress.Targeted} proxies have acknowledged the step");
        var rejection =
            progress.Rejected.Count == 0
                ? null
                : $"{progress.Rejected[0].NodeId} rejected {progress.Rejected[0].Resource}: {progress.Rejected[0].Reason}";
        // Who connected or left in between may have been missed by both.
        var isProgrammed =
            proxies.Connections == expected.Connections
            && peers.AreHeard
            && !PolicyConditions.IsWaiting(progress, now)
            && rejection is null;
        return (isProgrammed, waits, rejection, callers);
    }

    /// <summary>One look at a split.</summary>
    private sealed record Look(
        ClusterSnapshot Snapshot,
        MeshModel Served,
        TrafficSplit Split,
        ObjectName Name,
        TrafficSplitSpec Spec,
        PolicyVerdict Verdict
    )
    {
        public PolicyKey Key { get; } = new(PolicyKinds.TrafficSplit.Name, Name.Namespace, Name.Name);
    }
}
