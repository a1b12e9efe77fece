using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.LoadStats;

/// <summary>What proxies have counted of one cluster since it was first asked for.</summary>
/// <param name="Requests">Requests that were answered or failed, each attempt by itself.</param>
/// <param name="Errors">Those of them that failed.</param>
/// <param name="Reporters">How many proxies have reported lately.</param>
public sealed record ClusterLoad(long Requests, long Errors, int Reporters)
{
    /// <summary>How long requests took, of those of which it is known.</summary>
    public LatencyHistogram Latencies { get; init; } = LatencyHistogram.Empty;

    /// <summary>How long they took to the first byte of the response's body, of those of which it is known.</summary>
    public LatencyHistogram FirstBytes { get; init; } = LatencyHistogram.Empty;

    /// <summary>No counts by cluster.</summary>
    public static ImmutableDictionary<string, ClusterLoad> None { get; } =
        ImmutableDictionary.Create<string, ClusterLoad>(StringComparer.Ordinal);

    /// <summary>The cluster for the requests of a gradual shift to a backend.</summary>
    public static string Name(BackendTarget target, ShiftName shift) => Names.Shift(target, shift);

    /// <summary>The histogram of that cluster in a proxy's statistics, in milliseconds from the end of a request to the end of its
    /// response.</summary>
    public static string Histogram(BackendTarget target, ShiftName shift) => $"cluster.{Names.ShiftStat(target, shift)}.upstream_rq_time";

    /// <summary>The histogram of that cluster, in milliseconds from the beginning of a request to the first byte of its response's
    /// body.</summary>
    public static string FirstByteHistogram(BackendTarget target, ShiftName shift) =>
        $"cluster.{Names.ShiftStat(target, shift)}.{Names.FirstByteStat}";
}
