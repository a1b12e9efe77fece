using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Builtin;

/// <summary>Events are stored as core/v1 events and shown as events.k8s.io/v1 ones too, under that group's field names.</summary>
internal static class EventConversion
{
    private static readonly (string Core, string Events)[] Renamed =
    [
        ("involvedObject", "regarding"),
        ("message", "note"),
        ("reportingComponent", "reportingController"),
        ("source", "deprecatedSource"),
        ("firstTimestamp", "deprecatedFirstTimestamp"),
        ("lastTimestamp", "deprecatedLastTimestamp"),
        ("count", "deprecatedCount"),
    ];

    public static JsonObject FromStored(JsonObject core)
    {
        foreach (var (from, to) in Renamed)
            Rename(core, from, to);
        core["apiVersion"] = "events.k8s.io/v1";
        return core;
    }

    public static JsonObject ToStored(JsonObject events)
    {
        foreach (var (to, from) in Renamed)
            Rename(events, from, to);
        if (events.Object("series") is { } series && series["lastObservedTime"] is { } seen)
            events.Default("lastTimestamp", seen.DeepClone());
        events["apiVersion"] = "v1";
        return events;
    }

    private static void Rename(JsonObject fields, string from, string to)
    {
        if (!fields.Remove(from, out var value))
            return;
        fields[to] = value;
    }
}
