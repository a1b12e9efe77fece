using System.Diagnostics.Metrics;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Shifts;

namespace MeshOperator.Shifts.Asking;

/// <summary>Measurements of checks that are asked.</summary>
internal sealed class CheckMetrics(IMeterFactory meters)
{
    private readonly Counter<long> _answers = meters
        .Create("MeshOperator.Shifts")
        .CreateCounter<long>(
            "meshoperator.shift.check_answers",
            null,
            "Answers to checks of gradual shifts by prometheus and webhook, by kind and outcome: Pass, Fail or Inconclusive (also where "
                + "there was no answer)."
        );

    /// <summary>Counts an answer.</summary>
    public void Count(ShiftCheck check, CheckAnswer answer) =>
        _answers.Add(
            1,
            new KeyValuePair<string, object?>("kind", check.Prometheus is null ? "webhook" : "prometheus"),
            new KeyValuePair<string, object?>("outcome", answer.Outcome.ToString())
        );
}
