using System.Diagnostics.Metrics;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Shifts;

/// <summary>Measurements of gradual shifts; of the leader only.</summary>
internal sealed class ShiftMetrics
{
    private readonly Counter<long> _transitions;
    private readonly Histogram<double> _aborts;
    private IReadOnlyList<(ObjectName Split, ShiftState State)> _current = [];

    public ShiftMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("MeshOperator.Shifts");
        meter.CreateObservableGauge(
            "meshoperator.shift.weight",
            () => Volatile.Read(ref _current).Select(shift => new Measurement<int>(shift.State.Weight, Labels(shift.Split, shift.State))),
            null,
            "The share of the requests that the target of a gradual shift gets, in percent."
        );
        meter.CreateObservableGauge(
            "meshoperator.shift.phase",
            () =>
                Volatile.Read(ref _current).Select(shift => new Measurement<int>((int)shift.State.Phase, Labels(shift.Split, shift.State))),
            null,
            "Where a gradual shift is: 0 pending, 1 mirroring, 2 progressing, 3 awaiting approval, 4 paused, 5 held, 6 rolled back, "
                + "7 completed."
        );
        _aborts = meter.CreateHistogram(
            "meshoperator.shift.abort",
            "s",
            "From a failed check of a gradual shift until every proxy that is waited for has acknowledged that all traffic goes back.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.25, 0.5, 1, 2, 3, 5, 10, 30, 60] }
        );
        _transitions = meter.CreateCounter<long>(
            "meshoperator.shift.transitions",
            null,
            "Transitions of gradual shifts, by the phase that follows."
        );
    }

    /// <summary>Says where all shifts are.</summary>
    public void Set(IReadOnlyList<(ObjectName Split, ShiftState State)> shifts) => Volatile.Write(ref _current, shifts);

    /// <summary>Counts a transition.</summary>
    public void Count(ObjectName split, ShiftState after) =>
        _transitions.Add(1, [.. Labels(split, after), new KeyValuePair<string, object?>("phase", after.Phase.ToString())]);

    /// <summary>Notes how long it took to take the traffic back.</summary>
    public void Abort(ObjectName split, ShiftState after, TimeSpan took) => _aborts.Record(took.TotalSeconds, Labels(split, after));

    private static KeyValuePair<string, object?>[] Labels(ObjectName split, ShiftState state) =>
        [new("namespace", split.Namespace), new("split", split.Name), new("rule", state.Rule), new("to", state.Identity.To)];
}
