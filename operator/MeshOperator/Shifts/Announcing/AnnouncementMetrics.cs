using System.Diagnostics.Metrics;

namespace MeshOperator.Shifts.Announcing;

/// <summary>Measurements of events of gradual shifts.</summary>
internal sealed class AnnouncementMetrics(IMeterFactory meters)
{
    private readonly Counter<long> _events = meters
        .Create("MeshOperator.Shifts")
        .CreateCounter<long>(
            "meshoperator.shift.events",
            null,
            "Events of gradual shifts for the address of --shift-events-url, by result: sent or lost."
        );

    /// <summary>Counts one that was taken.</summary>
    public void CountSent() => _events.Add(1, new KeyValuePair<string, object?>("result", "sent"));

    /// <summary>Counts one that was not.</summary>
    public void CountLost() => _events.Add(1, new KeyValuePair<string, object?>("result", "lost"));
}
