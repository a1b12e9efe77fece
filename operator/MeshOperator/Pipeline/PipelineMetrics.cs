using System.Diagnostics.Metrics;

namespace MeshOperator.Pipeline;

/// <summary>Measurements of the translation.</summary>
internal sealed class PipelineMetrics
{
    private readonly Counter<long> _failures;
    private int _held;

    public PipelineMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("MeshOperator.Pipeline");
        _failures = meter.CreateCounter<long>(
            "meshoperator.pipeline.failures",
            null,
            "Translations of the cluster's state that failed; proxies keep what they have."
        );
        meter.CreateObservableGauge(
            "meshoperator.pipeline.held_objects",
            () => Volatile.Read(ref _held),
            null,
            "Objects that are left out because the translation fails on them; the log names them."
        );
    }

    /// <summary>Counts a translation that failed.</summary>
    public void CountFailure() => _failures.Add(1);

    /// <summary>Sets how many objects are left out.</summary>
    public void SetHeld(int held) => Volatile.Write(ref _held, held);
}
