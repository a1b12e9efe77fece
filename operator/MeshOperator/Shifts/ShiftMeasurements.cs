using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Pipeline;
using MeshOperator.Replicas;
using MeshOperator.Xds.LoadStats;

namespace MeshOperator.Shifts;

/// <summary>Has requests of gradual shifts counted while they are in progress, and adds up what all replicas count. Not
/// thread-safe.</summary>
internal sealed class ShiftMeasurements(
    LoadStatsCollector collector,
    LatencyReader reader,
    ReplicaBoard board,
    ReplicaPeers peers,
    TimeProvider time
)
{
    /// <summary>Callers with more than this part of the proxies must not be missing.</summary>
    private const double MostMissing = 0.05;

    private const int MostNamed = 3;

    /// <summary>Who has not reported after so long does not report at all, and checks are inconclusive for it.</summary>
    private static readonly TimeSpan LongestWait = 3 * LoadStatsCollector.Interval;

    /// <summary>What stands for this replica among the others.</summary>
    private const string Self = "";

    private readonly LoadLedger _ledger = new();
    private readonly Dictionary<(ObjectName Split, string Rule), Step> _steps = [];
    private readonly Dictionary<(ObjectName Split, string Rule), (DateTimeOffset Step, DateTimeOffset Begins)> _waits = [];

    /// <summary>Asks the proxies of this replica for what the shifts in progress need, and takes what all have counted.</summary>
    public void Refresh(ClusterSnapshot snapshot, MeshModel served)
    {
        var wanted = FindClusters(snapshot, served).ToList();
        var clusters = wanted.Select(cluster => cluster.Name).ToHashSet(StringComparer.Ordinal);
        collector.Want(clusters);
        reader.Want(wanted.Where(cluster => cluster.NeedsLatency));
        var own = collector.Take();
        board.Post(own);
        _ledger.Note(Self, own);
        var replicas = peers.Current.Replicas.Select(replica => replica.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var replica in replicas)
            _ledger.Note(replica, peers.FindLoads(replica));
        replicas.Add(Self);
        _ledger.Keep(replicas, clusters);
        foreach (var gone in _steps.Keys.Where(step => !snapshot.Shifts.ContainsKey(step.Split)).ToList())
            _steps.Remove(gone);
        foreach (var gone in _waits.Keys.Where(step => !snapshot.Shifts.ContainsKey(step.Split)).ToList())
            _waits.Remove(gone);
    }

    /// <summary>What was counted since a step was acknowledged.</summary>
    /// <param name="split">The name of the TrafficSplit.</param>
    /// <param name="shift">The shift.</param>
    /// <param name="state">Where it is.</param>
    /// <param name="routes">Where its requests go.</param>
    /// <param name="callers">How many proxies use the split.</param>
    /// <param name="connected">Those of them that are connected to this replica.</param>
    public ShiftSample Take(
        ObjectName split,
        SplitShift shift,
        ShiftState state,
        ShiftRoutes routes,
        int callers,
        Func<IReadOnlyList<string>> connected
    )
    {
        var key = (split, shift.Rule);
        if (state.AcknowledgedAt is not { } acknowledged)
        {
            _steps.Remove(key);
            return new ShiftSample(default, default, "the step is not acknowledged");
        }

        var (targets, others) = FindCounted(split, shift, state, routes);
        var (target, other) = (_ledger.Count(targets), _ledger.Count(others));
        var (responses, firstBytes) = (Slowness(LatencyPart.Response), Slowness(LatencyPart.FirstByte));
        var now = time.GetUtcNow();
        if (!_steps.TryGetValue(key, out var step) || step.AcknowledgedAt != acknowledged)
            _steps[key] = step = new Step(acknowledged, target, other, new(responses, now), new(firstBytes, now));
        step.Responses.Note(responses, now);
        step.FirstBytes.Note(firstBytes, now);
        return new ShiftSample(
            Since(step.Target, target),
            Since(step.Others, other),
            FindGap(routes.IsCounted, callers, _ledger.CountReporters([.. targets, .. others]), connected)
        )
        {
            IsCounted = routes.IsCounted,
            Endpoints = routes.Endpoints,
            IsOfCopies = state.Phase is ShiftPhase.Mirroring,
            Latencies = step.Responses.Latencies,
            FirstBytes = step.FirstBytes.Latencies,
        };

        Slowness Slowness(LatencyPart part) => new(_ledger.Latencies(targets, part), _ledger.Latencies(others, part));
    }

    /// <summary>Why the measurement of a step cannot begin yet: proxies do not count before they are asked, which they are when the shift
    /// is applied. Null when it can, or when whoever does not report has had enough time.</summary>
    /// <param name="split">The name of the TrafficSplit.</param>
    /// <param name="shift">The shift.</param>
    /// <param name="state">Where it is, acknowledged by all proxies.</param>
    /// <param name="routes">Where its requests go.</param>
    /// <param name="callers">How many proxies use the split.</param>
    public string? FindDelay(ObjectName split, SplitShift shift, ShiftState state, ShiftRoutes routes, int callers)
    {
        var key = (split, shift.Rule);
        if (state.AcknowledgedAt is not null || !shift.Wanted.Checks.Exists(ShiftJudge.NeedsCounts) || !routes.IsCounted)
        {
            _waits.Remove(key);
            return null;
        }

        if (!_waits.TryGetValue(key, out var wait) || wait.Step != state.Since)
            _waits[key] = wait = (state.Since, time.GetUtcNow());
        var (targets, others) = FindCounted(split, shift, state, routes);
        var reporters = _ledger.CountReporters([.. targets, .. others]);
        return callers - reporters <= callers * MostMissing || time.GetUtcNow() - wait.Begins >= LongestWait
            ? null
            : FormattableString.Invariant($"{reporters} of {callers} proxies report what they count");
    }

    /// <summary>The clusters by which the requests of a shift are counted.</summary>
    private static (List<string> Target, List<string> Others) FindCounted(
        ObjectName split,
        SplitShift shift,
        ShiftState state,
        ShiftRoutes routes
    )
    {
        var name = new ShiftName(split.Name, shift.Rule);
        var ofTarget = ShiftRoutes.Clusters(routes.Target, state.Phase is ShiftPhase.Mirroring ? name.Copies : name);
        return (
            [.. ofTarget.Select(cluster => cluster.Name)],
            [.. ShiftRoutes.Clusters(routes.Others, name).Select(cluster => cluster.Name)]
        );
    }

    private static IEnumerable<ShiftCluster> FindClusters(ClusterSnapshot snapshot, MeshModel served)
    {
        foreach (var (name, policy) in snapshot.Policies[PolicyKinds.TrafficSplit])
        {
            if (policy is not PolicyRecord<TrafficSplitSpec> { Spec: { } spec })
                continue;
            var known = snapshot.Shifts.GetValueOrDefault(name, []);
            foreach (var shift in SplitShift.FindAll(spec))
            {
                var progress = shift.FindProgress(known);
                if (shift.Wanted.Checks.Count == 0 || progress is { IsOver: true })
                    continue;
                var routes = ShiftRoutes.Find(served, name, spec.Service, shift);
                var counted = new ShiftName(name.Name, shift.Rule);
                var copies = progress is { IsMirroring: true } ? ShiftRoutes.Clusters(routes.Target, counted.Copies) : [];
                foreach (var cluster in ShiftRoutes.Clusters(routes.Target.Concat(routes.Others), counted).Concat(copies))
                    yield return cluster with
                    {
                        NeedsLatency = shift.NeedsLatency,
                    };
            }
        }
    }

    private string? FindGap(bool isCounted, int callers, int reporters, Func<IReadOnlyList<string>> connected)
    {
        if (!isCounted)
            return "no requests are counted: the service's ports are declared as TCP";
        if (peers.Current.Silent is { Count: > 0 } silent)
            return $"not reporting: replica {string.Join(", ", silent)}";
        if (callers - reporters <= callers * MostMissing)
            return null;
        var missing = connected().Where(caller => !collector.Reports(caller)).Take(MostNamed).ToList();
        var named = missing.Count == 0 ? string.Empty : $", not {string.Join(", ", missing)}";
        return FormattableString.Invariant($"{reporters} of {callers} proxies report what they count{named}");
    }

    private static ShiftCounts Since(ShiftCounts before, ShiftCounts now) =>
        now.Requests < before.Requests || now.Errors < before.Errors
            ? now
            : new ShiftCounts(now.Requests - before.Requests, now.Errors - before.Errors);

    /// <summary>How long all requests took so far.</summary>
    private readonly record struct Slowness(LatencyHistogram Target, LatencyHistogram Others);

    /// <summary>A step, and what had been counted when it was acknowledged.</summary>
    private sealed record Step(
        DateTimeOffset AcknowledgedAt,
        ShiftCounts Target,
        ShiftCounts Others,
        StepLatencies Responses,
        StepLatencies FirstBytes
    );

    /// <summary>How long the requests of a step took.</summary>
    private sealed class StepLatencies(Slowness before, DateTimeOffset begins)
    {
        private Slowness _before = before;
        private DateTimeOffset _minute = begins;

        public ShiftLatencies Latencies { get; private set; } = ShiftLatencies.None;

        /// <summary>Notes how long all requests took so far.</summary>
        public void Note(Slowness slowness, DateTimeOffset now)
        {
            var beginsMinute = now - _minute >= TimeSpan.FromMinutes(1);
            Latencies = Latencies.Add(slowness.Target.Since(_before.Target), slowness.Others.Since(_before.Others), beginsMinute);
            _before = slowness;
            if (beginsMinute)
                _minute = now;
        }
    }
}
